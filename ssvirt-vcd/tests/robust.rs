//! Nothing that comes from outside makes the readers or the negotiation panic.

use proptest::prelude::*;
use ssvirt_vcd::media::{content_type, negotiate, parse_content_type};
use ssvirt_vcd::types::{RecomposeVAppParams, VApp, Vm};
use ssvirt_vcd::{ApiVersion, Format, from_json, from_xml, to_xml};

/// Bits of documents, so that random input gets past the first byte.
fn soup() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        Just("<Vm xmlns=\"http://www.vmware.com/vcloud/v1.5\" name=\"a\">"),
        Just("</Vm>"),
        Just("<VmSpecSection>"),
        Just("</VmSpecSection>"),
        Just("<ovf:Info>"),
        Just("</ovf:Info>"),
        Just("<Link rel='a' href=\"b\"/>"),
        Just("&amp;"),
        Just("&#x41;"),
        Just("&x;"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<!--"),
        Just("-->"),
        Just("<?xml version=\"1.0\"?>"),
        Just("<!DOCTYPE a ["),
        Just("{\"name\":\"a\",\"section\":["),
        Just("{\"_type\":\"VmSpecSectionType\"}"),
        Just("]}"),
        Just("xsi:nil=\"true\""),
        Just("=\"&quot;"),
        Just(">"),
        Just(" "),
    ];
    proptest::collection::vec(bit, 0..24).prop_map(|bits| bits.concat())
}

fn read_all(input: &[u8]) {
    let _ = from_xml::<VApp>(input);
    let _ = from_xml::<RecomposeVAppParams>(input);
    let _ = from_json::<VApp>(input);
    let _ = from_json::<RecomposeVAppParams>(input);
    let _ = from_json::<Vm>(input);
    if let Ok(vm) = from_xml::<Vm>(input) {
        let xml = to_xml(&vm, ApiVersion::NEWEST);
        assert_eq!(from_xml::<Vm>(xml), Ok(vm));
    }
}

proptest! {
    #[test]
    fn readers_never_panic_on_bytes(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_all(&input);
    }

    #[test]
    fn readers_never_panic_on_soup(input in soup()) {
        read_all(input.as_bytes());
    }

    #[test]
    fn negotiation_never_panics(headers in proptest::collection::vec("[a-z*/+;=,.0-9\" \\PC]{0,40}", 0..4)) {
        let _ = negotiate(headers.iter().map(String::as_str));
        for header in &headers {
            let _ = parse_content_type(header);
        }
    }

    #[test]
    fn content_types_read_back(media in "application/vnd\\.[a-z.]{1,20}[a-z]", json: bool, major in 0u16..99, minor in 0u16..9) {
        let format = if json { Format::Json } else { Format::Xml };
        let version = ApiVersion::new(major, minor);
        let parsed = parse_content_type(&content_type(&media, format, version));
        let parsed = parsed.ok_or_else(|| TestCaseError::fail("unreadable"))?;
        prop_assert_eq!((parsed.media, parsed.format, parsed.version), (media, Some(format), Some(version)));
    }
}
