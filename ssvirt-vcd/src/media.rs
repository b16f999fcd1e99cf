//! `Accept` and `Content-Type`.

use crate::ApiVersion;

/// The two representations of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// XML.
    Xml,
    /// VCD's JSON.
    Json,
}

/// Which representation a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatAsked {
    /// None in particular.
    Any,
    /// XML.
    Xml,
    /// JSON.
    Json,
    /// Only types that are never served.
    Unacceptable,
}

/// Which version a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionAsked {
    /// No version parameter anywhere.
    None,
    /// A version parameter with nothing in it.
    Empty,
    /// A well-formed version, served or not.
    Version(ApiVersion),
    /// Something that is no version.
    Unknown(String),
}

/// What the `Accept` headers ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The representation.
    pub format: FormatAsked,
    /// The version.
    pub version: VersionAsked,
}

/// Reads the `Accept` headers of a request. Entries that are no media types are skipped if there are others; of the
/// usable entries the first with a version wins, else the first.
pub fn negotiate<'a>(accept_headers: impl IntoIterator<Item = &'a str>) -> Accepted {
    let mut first: Option<Accepted> = None;
    let mut malformed: Option<Accepted> = None;
    let mut unacceptable = false;
    for entry in accept_headers.into_iter().flat_map(|header| header.split(',')) {
        if entry.trim().is_empty() {
            continue;
        }
        let parsed = Parsed::new(entry);
        match parsed.format() {
            Some(FormatAsked::Unacceptable) => unacceptable = true,
            Some(format) => {
                let accepted = Accepted { format, version: parsed.version() };
                if accepted.version != VersionAsked::None {
                    return accepted;
                }
                first.get_or_insert(accepted);
            }
            // Such as `vnd.vmware.vcloud.org+xml;version=37.0`.
            None => {
                malformed.get_or_insert(Accepted {
                    format: FormatAsked::Any,
                    version: parsed.version(),
                });
            }
        }
    }
    if let Some(accepted) = first {
        return accepted;
    }
    if unacceptable {
        return Accepted { format: FormatAsked::Unacceptable, version: VersionAsked::None };
    }
    malformed.unwrap_or(Accepted { format: FormatAsked::Any, version: VersionAsked::None })
}

/// What a `Content-Type` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// The type in lower case, without `+xml` or `+json` and without parameters.
    pub media: String,
    /// The representation, if the type tells.
    pub format: Option<Format>,
    /// The version parameter, if there is one and it is a version.
    pub version: Option<ApiVersion>,
}

/// Reads a `Content-Type` header; none if it is no media type.
#[must_use]
pub fn parse_content_type(header: &str) -> Option<ContentType> {
    let parsed = Parsed::new(header);
    parsed.media.split_once('/').filter(|(kind, sub)| is_token(kind) && is_token(sub))?;
    let format = match parsed.format() {
        Some(FormatAsked::Xml) => Some(Format::Xml),
        Some(FormatAsked::Json) => Some(Format::Json),
        _ => None,
    };
    let version = match parsed.version() {
        VersionAsked::Version(version) => Some(version),
        _ => None,
    };
    let media = parsed.media.strip_suffix("+xml").or_else(|| parsed.media.strip_suffix("+json"));
    let media = media.unwrap_or(&parsed.media).to_owned();
    Some(ContentType { media, format, version })
}

/// The `Content-Type` of an answer, given its media type without `+xml`.
#[must_use]
pub fn content_type(media: &str, format: Format, version: ApiVersion) -> String {
    let media = media.strip_suffix("+xml").unwrap_or(media);
    if media.starts_with("application/vnd.") {
        let suffix = match format {
            Format::Xml => "xml",
            Format::Json => "json",
        };
        return format!("{media}+{suffix};version={version}");
    }
    match format {
        Format::Xml if media == "text/xml" => format!("text/xml;version={version}"),
        Format::Xml => format!("application/xml;version={version}"),
        Format::Json => format!("application/json;version={version}"),
    }
}

/// One entry: the media type in lower case and its parameters.
struct Parsed<'a> {
    media: String,
    parameters: &'a str,
}

impl<'a> Parsed<'a> {
    fn new(entry: &'a str) -> Self {
        let (media, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        Self { media: media.trim().to_ascii_lowercase(), parameters }
    }

    /// The representation; none if the type is malformed.
    fn format(&self) -> Option<FormatAsked> {
        let (kind, sub) = self.media.split_once('/')?;
        if !is_token(kind) || !is_token(sub) {
            return None;
        }
        Some(match (kind, sub) {
            ("*" | "application", "*") => FormatAsked::Any,
            ("text", "xml" | "*") | ("application", "xml") => FormatAsked::Xml,
            ("application" | "text", "json") => FormatAsked::Json,
            ("application", sub) if sub.ends_with("+xml") => FormatAsked::Xml,
            ("application", sub) if sub.ends_with("+json") => FormatAsked::Json,
            _ => FormatAsked::Unacceptable,
        })
    }

    fn version(&self) -> VersionAsked {
        let version = self.parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("version").then_some(value)
        });
        let Some(version) = version else {
            return VersionAsked::None;
        };
        let version = version.trim().trim_matches('"');
        if version.is_empty() {
            return VersionAsked::Empty;
        }
        version
            .parse()
            .map_or_else(|_| VersionAsked::Unknown(version.to_owned()), VersionAsked::Version)
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[&str]) -> (FormatAsked, VersionAsked) {
        let accepted = negotiate(headers.iter().copied());
        (accepted.format, accepted.version)
    }

    #[test]
    fn accept_headers_of_real_clients_are_understood() {
        use FormatAsked::{Any, Json, Unacceptable, Xml};
        let v37 = || VersionAsked::Version(ApiVersion::V37_0);
        for (headers, format, version) in [
            (&[][..], Any, VersionAsked::None),
            (&[""], Any, VersionAsked::None),
            (&["*/*"], Any, VersionAsked::None),
            (&["application/*;version=37.0"], Any, v37()),
            (&["application/*+xml;version=37.0"], Xml, v37()),
            (
                &["application/*+xml;version=37.0", "vnd.vmware.vcloud.org+xml;version=38.0"],
                Xml,
                v37(),
            ),
            (
                &["vnd.vmware.vcloud.org+xml;version=38.0", "application/*+json; VERSION=\"37.0\""],
                Json,
                v37(),
            ),
            (&["vnd.vmware.vcloud.org+xml;version=37.0"], Any, v37()),
            (&["application/json;version=37.0;multisite=global"], Json, v37()),
            (
                &["application/vnd.vmware.vcloud.org+xml;charset=utf-8;q=0.5;version=37.0"],
                Xml,
                v37(),
            ),
            (&["Application/XML;version="], Xml, VersionAsked::Empty),
            (&["application/json;version"], Json, VersionAsked::Empty),
            (&["text/xml"], Xml, VersionAsked::None),
            (&["text/html, application/xml, application/*+json;version=37.0"], Json, v37()),
            (&["application/xml, application/json"], Xml, VersionAsked::None),
            (&["image/png"], Unacceptable, VersionAsked::None),
            (&["image/png;version=37.0, nonsense"], Unacceptable, VersionAsked::None),
            (&["application/*+xml;version=abc"], Xml, VersionAsked::Unknown("abc".to_owned())),
        ] {
            assert_eq!(asked(headers), (format, version), "{headers:?}");
        }
    }

    #[test]
    fn content_types_are_read_and_written() {
        let parsed = parse_content_type(
            "application/vnd.vmware.vcloud.networkConfigSection+XML; version=37.1",
        );
        let expected = ContentType {
            media: "application/vnd.vmware.vcloud.networkconfigsection".to_owned(),
            format: Some(Format::Xml),
            version: Some(ApiVersion::V37_1),
        };
        assert_eq!(parsed, Some(expected));
        let json = parse_content_type("application/json").unwrap();
        assert_eq!(
            (json.media.as_str(), json.format, json.version),
            ("application/json", Some(Format::Json), None)
        );
        let form = parse_content_type("application/x-www-form-urlencoded").unwrap();
        assert_eq!(form.format, None);
        for bad in ["", "xml", "vnd.vmware.vcloud.org+xml", "a/b/c", "a b/c", "/"] {
            assert_eq!(parse_content_type(bad), None, "{bad}");
        }
        let vm = "application/vnd.vmware.vcloud.vm";
        assert_eq!(
            content_type(vm, Format::Xml, ApiVersion::V37_0),
            format!("{vm}+xml;version=37.0")
        );
        assert_eq!(
            content_type(crate::mt::VM, Format::Json, ApiVersion::V37_0),
            format!("{vm}+json;version=37.0")
        );
        assert_eq!(
            content_type("text/xml", Format::Xml, ApiVersion::V37_0),
            "text/xml;version=37.0"
        );
    }
}
