//! Feeds bytes to the readers of request bodies and to the `Accept` negotiation.
//!
//! Neither may panic, and what was read must come back the same when written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssvirt_vcd::types::{RecomposeVAppParams, VApp, Vm};
use ssvirt_vcd::{ApiVersion, VcdType, from_json, from_xml, media, to_json, to_xml};

fn read<T: VcdType + PartialEq + core::fmt::Debug>(data: &[u8]) {
    if let Ok(value) = from_xml::<T>(data) {
        assert_eq!(from_xml::<T>(to_xml(&value, ApiVersion::NEWEST)).as_ref(), Ok(&value));
        assert_eq!(from_json::<T>(to_json(&value, ApiVersion::NEWEST)).as_ref(), Ok(&value));
    }
    let _ = from_json::<T>(data);
}

fuzz_target!(|data: &[u8]| {
    read::<Vm>(data);
    read::<VApp>(data);
    read::<RecomposeVAppParams>(data);
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = media::negotiate(text.lines());
        let _ = media::parse_content_type(text);
    }
});
