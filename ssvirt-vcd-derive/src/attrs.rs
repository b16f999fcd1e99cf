//! Parsing of `#[vcd(..)]`.

use syn::{Attribute, GenericArgument, LitStr, PathArguments, Result, Type};

/// What `#[vcd(..)]` on the struct says.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub element: Option<String>,
    pub ns: Option<String>,
    pub media: Option<String>,
    pub type_name: Option<String>,
    pub plain: bool,
    pub ignored: Vec<String>,
}

impl StructAttrs {
    pub fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut out = Self::default();
        for attr in attrs.iter().filter(|a| a.path().is_ident("vcd")) {
            attr.parse_nested_meta(|meta| {
                let text = || -> Result<String> { Ok(meta.value()?.parse::<LitStr>()?.value()) };
                if meta.path.is_ident("element") {
                    out.element = Some(text()?);
                } else if meta.path.is_ident("ns") {
                    out.ns = Some(text()?);
                } else if meta.path.is_ident("media") {
                    out.media = Some(text()?);
                } else if meta.path.is_ident("type_name") {
                    out.type_name = Some(text()?);
                } else if meta.path.is_ident("plain") {
                    out.plain = true;
                } else if meta.path.is_ident("ignored") {
                    let list;
                    syn::parenthesized!(list in meta.input);
                    let names = list
                        .parse_terminated(<LitStr as syn::parse::Parse>::parse, syn::Token![,])?;
                    out.ignored.extend(names.iter().map(LitStr::value));
                } else {
                    return Err(meta.error("unknown struct attribute"));
                }
                Ok(())
            })?;
        }
        Ok(out)
    }
}

/// Where a field goes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    Attr,
    #[default]
    Element,
    Text,
    Base,
    Section,
}

/// What `#[vcd(..)]` on a field says.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub place: Place,
    pub name: Option<String>,
    pub json: Option<String>,
    pub since: Option<(u16, u16)>,
    pub until: Option<(u16, u16)>,
    pub default: bool,
}

impl FieldAttrs {
    pub fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut out = Self::default();
        for attr in attrs.iter().filter(|a| a.path().is_ident("vcd")) {
            attr.parse_nested_meta(|meta| {
                let lit = || -> Result<LitStr> { meta.value()?.parse::<LitStr>() };
                if meta.path.is_ident("attr") {
                    out.place = Place::Attr;
                } else if meta.path.is_ident("text") {
                    out.place = Place::Text;
                } else if meta.path.is_ident("base") {
                    out.place = Place::Base;
                } else if meta.path.is_ident("section") {
                    out.place = Place::Section;
                } else if meta.path.is_ident("default") {
                    out.default = true;
                } else if meta.path.is_ident("name") {
                    out.name = Some(lit()?.value());
                } else if meta.path.is_ident("json") {
                    out.json = Some(lit()?.value());
                } else if meta.path.is_ident("since") {
                    out.since = Some(version(&lit()?)?);
                } else if meta.path.is_ident("until") {
                    out.until = Some(version(&lit()?)?);
                } else {
                    return Err(meta.error("unknown field attribute"));
                }
                Ok(())
            })?;
        }
        Ok(out)
    }
}

fn version(lit: &LitStr) -> Result<(u16, u16)> {
    let text = lit.value();
    text.split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
        .ok_or_else(|| syn::Error::new(lit.span(), "expected a version such as \"37.2\""))
}

/// How often a field occurs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Card {
    One,
    Optional,
    Many,
}

/// The cardinality, the inner type, and the leaf kind of a field's type.
pub(crate) fn classify(ty: &Type) -> (Card, &Type, Option<&'static str>) {
    let (card, inner) = match generic(ty, "Option") {
        Some(inner) => (Card::Optional, inner),
        None => match generic(ty, "Vec") {
            Some(inner) => (Card::Many, inner),
            None => (Card::One, ty),
        },
    };
    (card, inner, leaf(inner))
}

fn generic<'t>(ty: &'t Type, wrapper: &str) -> Option<&'t Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != wrapper {
        return None;
    }
    let PathArguments::AngleBracketed(args) = &last.arguments else {
        return None;
    };
    match args.args.first()? {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    }
}

fn leaf(ty: &Type) -> Option<&'static str> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?.ident.to_string();
    Some(match last.as_str() {
        "String" => "Str",
        "bool" => "Bool",
        "i32" => "I32",
        "i64" => "I64",
        "f64" => "F64",
        _ => return None,
    })
}
