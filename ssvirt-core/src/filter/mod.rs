//! FIQL, the filter language of the query service and of `/cloudapi`.
//!
//! `==  !=  =gt= =ge= =lt= =le=`, `;` and, `,` or, parentheses, `*` as a wildcard in values, a backslash
//! before a character that would otherwise mean something, `metadata:key==STRING:value`.
//! A store translates the tree into its own language; [`eval::matches`] says what it must mean.

pub mod eval;
mod parse;

pub use parse::parse;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// One comparison.
    Compare(Comparison),
    /// What people type into a search box.
    Search(Search),
}

/// Lets through what has the text in any of these fields of text, without regard to the case of ASCII
/// letters. It is not part of FIQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The fields.
    pub fields: Vec<String>,
    /// The text.
    pub text: String,
}

/// `field op value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The field, as the client wrote it.
    pub field: String,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub value: Pattern,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `=gt=`
    Gt,
    /// `=ge=`
    Ge,
    /// `=lt=`
    Lt,
    /// `=le=`
    Le,
}

impl Op {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => "=gt=",
            Self::Ge => "=ge=",
            Self::Lt => "=lt=",
            Self::Le => "=le=",
        }
    }
}

/// A value, cut at its wildcards: `["a", ""]` is `a*`. Without a wildcard there is one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// A value without wildcards.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![text.into()])
    }

    /// From its pieces; none at all is the empty value.
    pub fn from_pieces(mut pieces: Vec<String>) -> Self {
        if pieces.is_empty() {
            pieces.push(String::new());
        }
        Self(pieces)
    }

    /// The value, if it has no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The pieces between the wildcards.
    pub fn pieces(&self) -> &[String] {
        &self.0
    }

    /// Whether `text` is of this form.
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            match text.find(piece.as_str()) {
                Some(at) => text = &text[at + piece.len()..],
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("*"))
    }
}

impl Filter {
    /// All of these; a single one stands for itself.
    pub fn all(mut filters: Vec<Self>) -> Self {
        if filters.len() == 1 { filters.remove(0) } else { Self::And(filters) }
    }

    /// Changes every comparison; stops at the first error.
    ///
    /// # Errors
    /// What `change` answers.
    pub fn try_map<E>(
        self,
        change: &mut dyn FnMut(Comparison) -> Result<Self, E>,
    ) -> Result<Self, E> {
        let mut all = |parts: Vec<Self>| {
            parts.into_iter().map(|part| part.try_map(change)).collect::<Result<Vec<_>, E>>()
        };
        Ok(match self {
            Self::And(parts) => Self::And(all(parts)?),
            Self::Or(parts) => Self::Or(all(parts)?),
            Self::Compare(comparison) => change(comparison)?,
            Self::Search(search) => Self::Search(search),
        })
    }

    /// Visits every comparison.
    pub fn comparisons<'a>(&'a self, visit: &mut dyn FnMut(&'a Comparison)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.comparisons(visit))
            }
            Self::Compare(comparison) => visit(comparison),
            Self::Search(_) => {}
        }
    }
}
