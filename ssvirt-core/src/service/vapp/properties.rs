//! The OVF properties of a VM that is copied from a template: what the template asks for, filled in.

use crate::{
    error::{Error, Result},
    model::{Product, Property},
};

/// The template's products with the values that were given, the later ones first in rank, and what else was
/// given behind them. A property is known by its key.
///
/// # Errors
/// `BadRequest` where one must have a value and has none.
pub(super) fn filled(vm: &str, own: &[Product], given: &[&[Product]]) -> Result<Vec<Product>> {
    let mut filled = own.to_vec();
    let mut more: Vec<Product> = Vec::new();
    for product in given.iter().copied().flatten() {
        let mut rest = Vec::new();
        for property in &product.properties {
            match find(&mut filled, &property.key) {
                Some(place) => {
                    let value = property.value.as_ref().or(property.default.as_ref());
                    place.value = value.cloned().or_else(|| place.value.take());
                }
                None => rest.push(property.clone()),
            }
        }
        if !rest.is_empty() {
            more.push(Product { properties: rest, ..product.clone() });
        }
    }
    for property in filled.iter().flat_map(|product| &product.properties) {
        let value = property.value.as_ref().or(property.default.as_ref());
        if property.required && value.is_none_or(String::is_empty) {
            return Err(Error::bad_request(format!(
                "The property \"{}\" of VM \"{vm}\" must have a value.",
                property.key
            )));
        }
    }
    filled.extend(more);
    Ok(filled)
}

fn find<'a>(products: &'a mut [Product], key: &str) -> Option<&'a mut Property> {
    products.iter_mut().flat_map(|product| &mut product.properties).find(|own| own.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn property(key: &str, value: Option<&str>) -> Property {
        Property { key: key.to_owned(), value: value.map(str::to_owned), ..Property::default() }
    }

    fn products(properties: Vec<Property>) -> Vec<Product> {
        vec![Product { properties, ..Product::default() }]
    }

    fn asked() -> Vec<Product> {
        let host = Property { required: true, ..property("HOST", None) };
        let size = Property { default: Some("small".to_owned()), ..property("SIZE", None) };
        products(vec![host, size])
    }

    #[test]
    fn what_is_given_for_the_vm_wins_over_what_is_given_for_all_and_the_rest_is_kept() {
        let all = products(vec![property("HOST", Some("all")), property("SIZE", Some("big"))]);
        let one = products(vec![property("HOST", Some("one")), property("own", Some("x"))]);
        let filled = filled("web", &asked(), &[&all, &one]).unwrap();
        assert_eq!(filled[0].properties[0].value.as_deref(), Some("one"));
        assert!(filled[0].properties[0].required);
        assert_eq!(filled[0].properties[1].value.as_deref(), Some("big"));
        assert_eq!(filled[1..], products(vec![property("own", Some("x"))]));
    }

    #[test]
    fn what_must_be_given_is_asked_for_by_name() {
        let empty = products(vec![property("HOST", Some(""))]);
        for given in [Vec::new(), empty] {
            let error = filled("web", &asked(), &[&given]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadRequest);
            assert!(error.message().contains("\"HOST\" of VM \"web\""), "{error}");
        }
    }
}
