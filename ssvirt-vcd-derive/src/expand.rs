//! The generated `impl VcdType`.

use crate::attrs::{Card, FieldAttrs, Place, StructAttrs, classify};
use crate::names::{camel, lower_first_word, pascal};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Ident, Result, Type};

struct Field<'a> {
    ident: &'a Ident,
    attrs: FieldAttrs,
    card: Card,
    inner: &'a Type,
    leaf: Option<&'static str>,
    /// The qualified wire name and its parts.
    xml: String,
    ns: &'static str,
    local: String,
    json: String,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attrs = StructAttrs::parse(&input.attrs)?;
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "VcdType is for structs"));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(syn::Error::new_spanned(&input.ident, "VcdType needs named fields"));
    };
    let struct_ns = attrs.ns.clone().unwrap_or_default();
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        fields.push(read_field(ident, &field.ty, FieldAttrs::parse(&field.attrs)?, &struct_ns)?);
    }
    let ident = &input.ident;
    let shape = shape(ident, &attrs, &fields)?;
    let write_attrs = fields.iter().map(write_attr);
    let write_content = fields.iter().map(write_content);
    let write_members = write_members(&attrs, &struct_ns, &fields);
    let read = fields.iter().map(read);
    let base_ignores = fields.iter().filter(|f| f.attrs.place == Place::Base).map(|f| {
        let ty = f.inner;
        quote!(|| <#ty as ::ssvirt_vcd::VcdType>::ignores(local))
    });
    let ignored = &attrs.ignored;
    let own_ignores = if ignored.is_empty() {
        quote!(false)
    } else {
        quote!(::core::matches!(local, #(#ignored)|*))
    };
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_variables, unused_qualifications, clippy::all, reason = "generated code")]
        impl ::ssvirt_vcd::VcdType for #ident {
            fn shape() -> &'static ::ssvirt_vcd::shape::Shape {
                #shape
            }
            fn write_attrs(&self, w: &mut ::ssvirt_vcd::write::XmlWriter) {
                #(#write_attrs)*
            }
            fn write_content(&self, w: &mut ::ssvirt_vcd::write::XmlWriter) {
                #(#write_content)*
            }
            fn write_members(&self, w: &mut ::ssvirt_vcd::write::JsonWriter) {
                #write_members
            }
            fn read(
                s: &mut ::ssvirt_vcd::read::Source,
            ) -> ::core::result::Result<Self, ::ssvirt_vcd::read::ReadError> {
                ::core::result::Result::Ok(Self { #(#read)* })
            }
            fn ignores(local: &str) -> bool {
                #own_ignores #(#base_ignores)*
            }
        }
    })
}

fn read_field<'a>(
    ident: &'a Ident,
    ty: &'a Type,
    attrs: FieldAttrs,
    struct_ns: &str,
) -> Result<Field<'a>> {
    let (card, inner, leaf) = classify(ty);
    let snake = ident.unraw().to_string();
    let is_attr = attrs.place == Place::Attr;
    let xml = match &attrs.name {
        Some(name) => name.clone(),
        None => {
            let local = if is_attr { camel(&snake) } else { pascal(&snake) };
            let qualified = !struct_ns.is_empty() && struct_ns != "versions";
            if qualified && (!is_attr || matches!(struct_ns, "ovf" | "vmw")) {
                format!("{struct_ns}:{local}")
            } else {
                local
            }
        }
    };
    let (ns, local) =
        split(&xml, is_attr, struct_ns).map_err(|e| syn::Error::new_spanned(ident, e))?;
    // The vCloud namespace is the default one, which only elements can use.
    let xml = if ns == "Vcloud" && !is_attr { local.clone() } else { xml };
    let json = match (&attrs.json, attrs.place) {
        (Some(json), _) => json.clone(),
        (None, Place::Text) => "value".to_owned(),
        (None, _) => lower_first_word(&local),
    };
    let valid = match attrs.place {
        Place::Attr => leaf.is_some() && card != Card::Many,
        Place::Text => leaf.is_some() && card == Card::One,
        Place::Base => leaf.is_none() && card == Card::One,
        Place::Section => leaf.is_none(),
        Place::Element => true,
    };
    if !valid {
        return Err(syn::Error::new_spanned(ty, "this type does not fit the place of the field"));
    }
    Ok(Field { ident, attrs, card, inner, leaf, xml, ns, local, json })
}

/// The namespace variant and the local name of a qualified name.
fn split(
    xml: &str,
    is_attr: bool,
    struct_ns: &str,
) -> core::result::Result<(&'static str, String), String> {
    let (prefix, local) = xml.split_once(':').unwrap_or(("", xml));
    let ns = match prefix {
        "" if is_attr => "None",
        "" if struct_ns == "versions" => "Versions",
        "" | "vcloud" => "Vcloud",
        "ovf" => "Ovf",
        "vssd" => "Vssd",
        "rasd" => "Rasd",
        "vmw" => "Vmw",
        "xsi" => "Xsi",
        "vmext" => "Vmext",
        other => return Err(format!("unknown prefix {other}")),
    };
    Ok((ns, local.to_owned()))
}

fn version(version: Option<(u16, u16)>) -> TokenStream {
    match version {
        Some((major, minor)) => {
            quote!(::core::option::Option::Some(::ssvirt_vcd::ApiVersion::new(#major, #minor)))
        }
        None => quote!(::core::option::Option::None),
    }
}

fn shape(ident: &Ident, attrs: &StructAttrs, fields: &[Field<'_>]) -> Result<TokenStream> {
    let element = attrs.element.clone().unwrap_or_else(|| ident.to_string());
    let root_ns = if attrs.ns.as_deref() == Some("versions") { "versions" } else { "" };
    let (ns, local) =
        split(&element, false, root_ns).map_err(|e| syn::Error::new_spanned(ident, e))?;
    let ns = format_ident!("{ns}");
    let media = attrs.media.clone().unwrap_or_default();
    let type_name = attrs.type_name.clone().unwrap_or_else(|| format!("{ident}Type"));
    let ignored = &attrs.ignored;
    let fields = fields.iter().map(|f| {
        let name = name(f);
        let place = format_ident!(
            "{}",
            match f.attrs.place {
                Place::Attr => "Attr",
                Place::Element => "Element",
                Place::Text => "Text",
                Place::Base => "Base",
                Place::Section => "Section",
            }
        );
        let list = f.card == Card::Many;
        let required = f.card == Card::One && !f.attrs.default;
        let (since, until) = (version(f.attrs.since), version(f.attrs.until));
        let ty = match f.leaf {
            Some(kind) => {
                let kind = format_ident!("{kind}");
                quote!(::ssvirt_vcd::shape::FieldType::Leaf(::ssvirt_vcd::shape::LeafKind::#kind))
            }
            None => {
                let inner = f.inner;
                quote!(::ssvirt_vcd::shape::FieldType::Nested(<#inner as ::ssvirt_vcd::VcdType>::shape))
            }
        };
        quote!(::ssvirt_vcd::shape::Field {
            name: #name,
            place: ::ssvirt_vcd::shape::Place::#place,
            list: #list,
            required: #required,
            since: #since,
            until: #until,
            ty: #ty,
        })
    });
    Ok(quote! {
        static SHAPE: ::ssvirt_vcd::shape::Shape = ::ssvirt_vcd::shape::Shape {
            type_name: #type_name,
            element: #element,
            ns: ::ssvirt_vcd::Ns::#ns,
            local: #local,
            media: #media,
            fields: &[#(#fields),*],
            ignored: &[#(#ignored),*],
        };
        &SHAPE
    })
}

fn name(f: &Field<'_>) -> TokenStream {
    let (ns, local, xml, json) = (format_ident!("{}", f.ns), &f.local, &f.xml, &f.json);
    quote!(::ssvirt_vcd::shape::Name { ns: ::ssvirt_vcd::Ns::#ns, local: #local, xml: #xml, json: #json })
}

fn suffix(card: Card) -> &'static str {
    match card {
        Card::One => "one",
        Card::Optional => "opt",
        Card::Many => "vec",
    }
}

/// Wraps a statement in the field's version gate.
fn gated(f: &Field<'_>, statement: TokenStream) -> TokenStream {
    if f.attrs.since.is_none() && f.attrs.until.is_none() {
        return statement;
    }
    let (since, until) = (version(f.attrs.since), version(f.attrs.until));
    quote!(if w.in_version(#since, #until) { #statement })
}

fn write_attr(f: &Field<'_>) -> TokenStream {
    let (ident, xml) = (f.ident, &f.xml);
    match f.attrs.place {
        Place::Base => quote!(::ssvirt_vcd::VcdType::write_attrs(&self.#ident, w);),
        Place::Attr => {
            let method = format_ident!("attr_{}", suffix(f.card));
            gated(f, quote!(w.#method(#xml, &self.#ident);))
        }
        _ => TokenStream::new(),
    }
}

fn write_content(f: &Field<'_>) -> TokenStream {
    let (ident, xml) = (f.ident, &f.xml);
    match f.attrs.place {
        Place::Attr => TokenStream::new(),
        Place::Base => quote!(::ssvirt_vcd::VcdType::write_content(&self.#ident, w);),
        Place::Text => quote!(w.text(&self.#ident);),
        Place::Element | Place::Section => {
            let kind = if f.leaf.is_some() { "leaf" } else { "nested" };
            let method = format_ident!("{kind}_{}", suffix(f.card));
            gated(f, quote!(w.#method(#xml, &self.#ident);))
        }
    }
}

fn write_members(attrs: &StructAttrs, struct_ns: &str, fields: &[Field<'_>]) -> TokenStream {
    let mut out = TokenStream::new();
    if fields.iter().all(|f| f.attrs.place != Place::Base) {
        out.extend(quote!(w.other_attributes();));
        if !attrs.plain && struct_ns.is_empty() {
            out.extend(quote!(w.extension();));
        }
    }
    let sections: Vec<_> = fields.iter().filter(|f| f.attrs.place == Place::Section).collect();
    let mut sections_done = false;
    for f in fields {
        let (ident, json) = (f.ident, &f.json);
        match f.attrs.place {
            Place::Base => {
                out.extend(quote!(::ssvirt_vcd::VcdType::write_members(&self.#ident, w);))
            }
            Place::Section => {
                if !sections_done {
                    sections_done = true;
                    let each = sections.iter().map(|f| {
                        let ident = f.ident;
                        let method = format_ident!("section_{}", suffix(f.card));
                        gated(f, quote!(w.#method(&self.#ident);))
                    });
                    out.extend(quote!(w.begin_sections(); #(#each)* w.end_sections();));
                }
            }
            Place::Attr | Place::Text | Place::Element => {
                let kind = if f.leaf.is_some() { "leaf" } else { "nested" };
                let method = format_ident!("{kind}_{}", suffix(f.card));
                out.extend(gated(f, quote!(w.#method(#json, &self.#ident);)));
            }
        }
    }
    out
}

fn read(f: &Field<'_>) -> TokenStream {
    let ident = f.ident;
    let name = name(f);
    let kind = match f.attrs.place {
        Place::Base => return quote!(#ident: ::ssvirt_vcd::VcdType::read(s)?,),
        Place::Text => return quote!(#ident: s.text()?,),
        Place::Attr => "attr",
        Place::Section => "section",
        Place::Element if f.leaf.is_some() => "leaf",
        Place::Element => "nested",
    };
    if f.attrs.default && f.card == Card::One {
        let method = format_ident!("{kind}_opt");
        return quote!(#ident: s.#method(&#name)?.unwrap_or_default(),);
    }
    let method = format_ident!("{kind}_{}", suffix(f.card));
    quote!(#ident: s.#method(&#name)?,)
}
