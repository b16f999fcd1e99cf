//! Cases as files.
//!
//! A file is a flow: what one client sends, in order, and what it expects of each answer. It is JSON, one
//! line an element of an expected answer, so that a change of an answer is a change of a few lines.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// What it shows.
    pub about: String,
    /// The requests and the answers to them.
    pub exchanges: Vec<Exchange>,
}

/// A request and what is expected of its answer. Placeholders may stand everywhere; see [`super::bind`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The `Accept` headers; clients send none, one or two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// The body's media type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    /// Other headers. `{credentials}` and `{token}` in them are those of the user who replays the flow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The answer.
    pub expect: Expect,
}

/// What is expected of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status.
    pub status: u16,
    /// The media type, with its version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media: String,
    /// The number (from 1) of an earlier exchange whose body is expected again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<usize>,
    /// The body, as lines of [`super::tree::Node`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
}

impl Flow {
    /// Reads a file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let mut flow: Self = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        for n in 0..flow.exchanges.len() {
            if let Some(like) = flow.exchanges[n].expect.like.take() {
                let earlier = like.checked_sub(1).filter(|earlier| *earlier < n);
                let earlier =
                    earlier.ok_or_else(|| wrong(&format!("exchange {}: like {like}", n + 1)))?;
                flow.exchanges[n].expect.body = flow.exchanges[earlier].expect.body.clone();
            }
        }
        Ok(flow)
    }

    /// Writes a file. A body that was expected before is only referred to.
    ///
    /// # Errors
    /// Why the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut flow = self.clone();
        for n in 0..flow.exchanges.len() {
            let (earlier, this) = flow.exchanges.split_at_mut(n);
            let Some(expect) = this.first_mut().map(|exchange| &mut exchange.expect) else { break };
            let like = earlier
                .iter()
                .position(|earlier| expect.body.len() > 1 && earlier.expect.body == expect.body);
            if let Some(like) = like {
                expect.like = Some(like + 1);
                expect.body.clear();
            }
        }
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
        flow.serialize(&mut writer).map_err(|error| wrong(&error))?;
        text.push(b'\n');
        fs::write(path, text).map_err(|error| wrong(&error))
    }
}
