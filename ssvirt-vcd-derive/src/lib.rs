//! `#[derive(VcdType)]` for `ssvirt-vcd`.
//!
//! One struct definition yields the XML writer, the vendor JSON writer, the reader of both and a static
//! description (`Shape`). Attributes, all under `#[vcd(..)]`:
//!
//! On the struct:
//! * `element = "ovf:VirtualHardwareSection"`: the root element, with the prefix of its namespace
//!   (none for the vCloud namespace). Default: the struct's name.
//! * `ns = "ovf"`: the namespace of child elements that name no prefix of their own; for `ovf` and `vmw`
//!   attributes are qualified with it too. Default: the vCloud namespace.
//! * `media = "application/vnd.vmware.vcloud.vm"`: the media type as a root, without `+xml`.
//! * `type_name = "VmType"`: the XSD type, also `_type` in JSON. Default: the struct's name and `Type`.
//! * `plain`: the XSD type is not extensible (no `vCloudExtension` in JSON). Implied by another `ns`.
//! * `ignored("Name", ..)`: elements the reader accepts and drops.
//!
//! On a field (default: an element; `Option<T>` optional, `Vec<T>` repeated, `T` required; `String`, `bool`,
//! `i32`, `i64` and `f64` are leaves, all else nested types):
//! * `attr`, `text`, `base`, `section`: an attribute, the simple content, the flattened base type, a member of
//!   the `ovf:Section` substitution group.
//! * `name = "ovf:Info"`: the wire name where it does not follow from the field's name.
//! * `json = "value"`: the JSON name where it does not follow from the wire name.
//! * `since = "37.2"`, `until = "38.1"`: first and last API version that has the field (writer only).
//! * `default`: a required field that the reader nevertheless lets be absent.

mod attrs;
mod expand;
mod names;

use proc_macro::TokenStream;

/// Derives `ssvirt_vcd::VcdType`; see the crate documentation for the attributes.
#[proc_macro_derive(VcdType, attributes(vcd))]
pub fn derive_vcd_type(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::expand(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
