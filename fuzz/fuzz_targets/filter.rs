//! The filter parser: any text is a filter or an error, and what is parsed can be evaluated.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ssvirt_core::{filter, id::Urn, query::Value};

fuzz_target!(|text: &str| {
    if let Ok(Some(filter)) = filter::parse(text) {
        let _ = filter::eval::matches(&filter, &|name| Value::Text(name.to_owned()));
    }
    let _ = Urn::parse(text);
});
