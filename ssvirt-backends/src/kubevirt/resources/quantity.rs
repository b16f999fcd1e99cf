//! Amounts of memory, storage and CPU.

pub use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::{Schema, SchemaGenerator, json_schema};

/// The suffixes of quantities with what they stand for, in thousandths. The exponent form is apart.
const SUFFIXES: [(&str, i128); 13] = [
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("Ei", 1000 << 60),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
];

/// So many MiB.
pub fn from_mib(mib: i64) -> Quantity {
    Quantity(format!("{mib}Mi"))
}

/// The number that a quantity of memory or storage stands for, in bytes, rounded up as Kubernetes
/// does; none if it is not a quantity or does not fit.
/// See <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
pub fn bytes(quantity: &Quantity) -> Option<i64> {
    let thousandths = thousandths(quantity.0.trim())?;
    let up = i128::from(thousandths.rem_euclid(1000) != 0);
    i64::try_from(thousandths.div_euclid(1000) + up).ok()
}

/// The number that a quantity of CPU stands for, in thousandths of a core; none if it is not a
/// quantity or does not fit.
pub fn millicores(quantity: &Quantity) -> Option<i64> {
    i64::try_from(thousandths(quantity.0.trim())?).ok()
}

fn thousandths(text: &str) -> Option<i128> {
    for (suffix, unit) in SUFFIXES {
        if let Some(number) = text.strip_suffix(suffix) {
            return scaled(number, unit);
        }
    }
    let Some((number, exponent)) = text.split_once(['e', 'E']) else {
        return scaled(text, 1000);
    };
    let exponent: i32 = exponent.parse().ok()?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent < 0 {
        let whole = scaled(number, 1000)?;
        let up = i128::from(whole.rem_euclid(power) != 0);
        Some(whole.div_euclid(power) + up)
    } else {
        scaled(number, power.checked_mul(1000)?)
    }
}

/// A decimal number times `unit`, rounded up.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    // No digits at all are not a number, which `parse` says.
    let times = all.parse::<i128>().ok()?.checked_mul(unit)?.checked_mul(sign)?;
    let up = i128::from(times.rem_euclid(power) != 0);
    Some(times.div_euclid(power) + up)
}

/// The schema of a quantity: KubeVirt and CDI take numbers too.
pub(super) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-int-or-string": true })
}

/// The schema of a map of quantities.
pub(super) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "x-kubernetes-int-or-string": true },
    })
}
