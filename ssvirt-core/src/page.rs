//! Pages of lists.

use crate::error::{Error, Result};

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    page: u32,
    size: u32,
}

impl PageRequest {
    /// Rows a page when the client does not say (VCD: 25).
    pub const DEFAULT_SIZE: u32 = 25;
    /// Most rows a page (VCD: 128).
    pub const MAX_SIZE: u32 = 128;

    /// Page `page` (from 1) of `size` rows; a larger size than VCD serves becomes the largest served.
    ///
    /// # Errors
    /// `BadRequest` for a page or size of 0.
    pub fn new(page: u32, size: u32) -> Result<Self> {
        if page == 0 || size == 0 {
            return Err(Error::bad_request("page and pageSize start at 1"));
        }
        Ok(Self { page, size: size.min(Self::MAX_SIZE) })
    }

    /// All rows at once: for what is shown inside the rows of another page, not for clients to ask for.
    pub const fn unbounded() -> Self {
        Self { page: 1, size: u32::MAX }
    }

    /// The page's number, from 1.
    pub fn page(self) -> u32 {
        self.page
    }

    /// Rows a page.
    pub fn size(self) -> u32 {
        self.size
    }

    /// Rows before the page.
    pub fn offset(self) -> u64 {
        u64::from(self.page - 1) * u64::from(self.size)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { page: 1, size: Self::DEFAULT_SIZE }
    }
}

/// A page of a list, with the length of the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many rows the whole list has.
    pub total: u64,
    /// What was asked for.
    pub request: PageRequest,
}

impl<T> Page<T> {
    /// How many pages the list has; 0 for an empty list, as VCD counts.
    pub fn page_count(&self) -> u64 {
        self.total.div_ceil(u64::from(self.request.size))
    }

    /// The same page of something made from the rows.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            total: self.total,
            request: self.request,
        }
    }
}
