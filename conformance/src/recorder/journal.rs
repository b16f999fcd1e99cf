//! The file that exchanges are written to: one a line, in JSON, in the order in which they were over.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use serde::Serialize;

use super::redact::Redactor;

/// The largest body that is recorded; of larger ones only the length is, in bytes.
pub(super) const LARGEST_RECORDED: usize = 4 * 1024 * 1024;

/// What one side of an exchange said.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// The headers, in their order.
    pub(super) headers: Vec<(String, String)>,
    /// The body, as it was sent.
    pub(super) body: Vec<u8>,
}

/// A request and its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// The method.
    pub(super) method: String,
    /// The path with its query, as it was sent.
    pub(super) path: String,
    /// The request.
    pub(super) request: Said,
    /// The status of the answer.
    pub(super) status: u16,
    /// The answer.
    pub(super) response: Said,
    /// The milliseconds until the whole answer was here.
    pub(super) ms: f64,
    /// Why the server gave no answer; the answer is then the recorder's own.
    pub(super) error: Option<String>,
}

/// The file, open.
pub(super) struct Journal {
    path: PathBuf,
    redactor: Redactor,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    lines: usize,
    /// Why the file is not whole.
    broken: Option<String>,
}

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    n: usize,
    method: &'a str,
    path: &'a str,
    request_headers: &'a [(String, String)],
    request_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body_base64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body_bytes: Option<usize>,
    status: u16,
    response_headers: &'a [(String, String)],
    response_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body_base64: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body_bytes: Option<usize>,
    ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// A body as it can be written down.
enum Body {
    Text(String),
    Binary(Vec<u8>),
    /// Too large, or in an encoding that secrets cannot be looked for in.
    Opaque(usize),
}

impl Journal {
    /// Goes on with the file, or begins it.
    ///
    /// # Errors
    /// Why it cannot be read or written.
    pub(super) fn open(path: &Path, redactor: Redactor) -> Result<Self, String> {
        let wrong = |error: io::Error| format!("{}: {error}", path.display());
        let before = match fs::read_to_string(path) {
            Ok(before) => before,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(wrong(error)),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(wrong)?;
        // What was killed while it wrote has left a piece of a line.
        if !before.is_empty() && !before.ends_with('\n') {
            file.write_all(b"\n").map_err(wrong)?;
        }
        let open = Open { file, lines: before.lines().count(), broken: None };
        Ok(Self { path: path.to_owned(), redactor, open: Mutex::new(open) })
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).lines
    }

    /// Why the file is not whole; none while it is.
    pub(super) fn broken(&self) -> Option<String> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).broken.clone()
    }

    /// Writes an exchange down, without its secrets. The line is in the file when this returns, so that a
    /// recorder that is killed loses none.
    ///
    /// # Errors
    /// Why the file is not whole any more.
    pub(super) fn write(&self, exchange: &Exchange) -> Result<(), String> {
        let Exchange { request, response, .. } = exchange;
        let bodies = [request, response].map(readable);
        // All that can be learned first: the answer to a login names the token in two places.
        self.redactor.learn(&exchange.path);
        self.redactor.learn_headers(&request.headers);
        self.redactor.learn_headers(&response.headers);
        for body in &bodies {
            if let Body::Text(text) = body {
                self.redactor.learn(text);
            }
        }
        let path = self.redactor.text(&exchange.path);
        let request_headers = self.redactor.headers(&request.headers);
        let response_headers = self.redactor.headers(&response.headers);
        let [sent, received] = bodies.map(|body| self.written(body));
        let error = exchange.error.as_ref().map(|error| self.redactor.text(error));

        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(broken) = &open.broken {
            return Err(broken.clone());
        }
        let line = Line {
            n: open.lines + 1,
            method: &exchange.method,
            path: &path,
            request_headers: &request_headers,
            request_body: &sent.text,
            request_body_base64: sent.base64.as_deref(),
            request_body_bytes: sent.bytes,
            status: exchange.status,
            response_headers: &response_headers,
            response_body: &received.text,
            response_body_base64: received.base64.as_deref(),
            response_body_bytes: received.bytes,
            ms: (exchange.ms * 10.0).round() / 10.0,
            error: error.as_deref(),
        };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            open.file.write_all(&line)
        });
        match written {
            Ok(()) => open.lines += 1,
            Err(error) => {
                let broken = format!("{}: {error}", self.path.display());
                open.broken = Some(broken.clone());
                return Err(broken);
            }
        }
        Ok(())
    }

    fn written(&self, body: Body) -> Written {
        match body {
            Body::Text(text) => Written { text: self.redactor.text(&text), ..Written::default() },
            Body::Binary(bytes) => {
                let base64 = Some(STANDARD.encode(self.redactor.bytes(&bytes)));
                Written { base64, ..Written::default() }
            }
            Body::Opaque(bytes) => Written { bytes: Some(bytes), ..Written::default() },
        }
    }
}

/// What stands in the file of a body.
#[derive(Default)]
struct Written {
    text: String,
    base64: Option<String>,
    bytes: Option<usize>,
}

/// The body as it was before it was compressed.
fn readable(said: &Said) -> Body {
    let length = said.body.len();
    if length == 0 {
        // As an answer to HEAD, whatever its headers say.
        return Body::Text(String::new());
    }
    let encoding = said.headers.iter().find(|(name, _)| name == "content-encoding");
    let encoding = encoding.map_or(String::new(), |(_, value)| value.trim().to_ascii_lowercase());
    let plain = match encoding.as_str() {
        "" | "identity" => Some(said.body.clone()),
        "gzip" | "x-gzip" => unpacked(MultiGzDecoder::new(said.body.as_slice())),
        "deflate" => unpacked(ZlibDecoder::new(said.body.as_slice())),
        _ => None,
    };
    match plain.filter(|plain| plain.len() <= LARGEST_RECORDED).map(String::from_utf8) {
        Some(Ok(text)) => Body::Text(text),
        Some(Err(binary)) => Body::Binary(binary.into_bytes()),
        None => Body::Opaque(length),
    }
}

/// None where it is broken, or becomes too large: a few bytes can unpack to more than memory holds.
fn unpacked(packed: impl io::Read) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    packed.take(LARGEST_RECORDED as u64 + 1).read_to_end(&mut plain).ok()?;
    Some(plain)
}
