//! API versions: which are served, and how they are written.

use core::fmt;
use core::str::FromStr;

/// A version of the VCD API, such as 37.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// The number before the dot.
    pub major: u16,
    /// The number after the dot.
    pub minor: u16,
}

/// One entry of the version list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The version.
    pub version: ApiVersion,
    /// Whether it is announced as deprecated.
    pub deprecated: bool,
}

const fn served(version: ApiVersion) -> Served {
    Served { version, deprecated: version.major < 37 }
}

impl ApiVersion {
    /// 36.0
    pub const V36_0: Self = Self::new(36, 0);
    /// 37.0
    pub const V37_0: Self = Self::new(37, 0);
    /// 37.1
    pub const V37_1: Self = Self::new(37, 1);
    /// 37.2
    pub const V37_2: Self = Self::new(37, 2);
    /// 37.3
    pub const V37_3: Self = Self::new(37, 3);
    /// 38.0
    pub const V38_0: Self = Self::new(38, 0);
    /// 38.1
    pub const V38_1: Self = Self::new(38, 1);
    /// 39.0
    pub const V39_0: Self = Self::new(39, 0);
    /// 39.1
    pub const V39_1: Self = Self::new(39, 1);

    /// Every version this server speaks, oldest first.
    pub const SERVED: &'static [Served] = &[
        served(Self::V36_0),
        served(Self::new(36, 1)),
        served(Self::new(36, 2)),
        served(Self::new(36, 3)),
        served(Self::V37_0),
        served(Self::V37_1),
        served(Self::V37_2),
        served(Self::V37_3),
        served(Self::V38_0),
        served(Self::V38_1),
        served(Self::V39_0),
        served(Self::V39_1),
    ];

    /// The oldest served version.
    pub const OLDEST: Self = Self::V36_0;
    /// The newest served version.
    pub const NEWEST: Self = Self::V39_1;

    /// A version from its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Whether the version is in [`ApiVersion::SERVED`].
    #[must_use]
    pub fn is_served(self) -> bool {
        Self::SERVED.iter().any(|s| s.version == self)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text is not `digits.digits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API version")]
pub struct ParseVersionError;

impl FromStr for ApiVersion {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| -> Result<u16, ParseVersionError> {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(ParseVersionError);
            }
            part.parse().map_err(|_| ParseVersionError)
        };
        let (major, minor) = text.split_once('.').ok_or(ParseVersionError)?;
        Ok(Self::new(number(major)?, number(minor)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_parse_strictly_and_order() {
        assert_eq!("37.0".parse(), Ok(ApiVersion::V37_0));
        for bad in ["", "37", "37.", ".0", "+37.0", "37.0 ", "37.0.0", "37.0-alpha", "70000.0"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
        assert!(ApiVersion::V37_2 > ApiVersion::V37_0 && ApiVersion::V38_0 > ApiVersion::V37_3);
        assert_eq!(ApiVersion::V38_1.to_string(), "38.1");
    }

    #[test]
    fn the_served_list_is_ordered_and_bounded() {
        let all: Vec<_> = ApiVersion::SERVED.iter().map(|s| s.version).collect();
        assert!(all.is_sorted());
        assert_eq!(all.first(), Some(&ApiVersion::OLDEST));
        assert_eq!(all.last(), Some(&ApiVersion::NEWEST));
        assert!(ApiVersion::new(36, 3).is_served() && !ApiVersion::new(35, 2).is_served());
    }
}
