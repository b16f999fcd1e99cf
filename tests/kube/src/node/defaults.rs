//! What KubeVirt's mutating webhooks write into objects.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    instancetypes::{add_disks, add_interface},
    objects::{NODE_FINALIZER, text},
    rules,
};

/// How much more of a machine can be plugged in than it starts with.
const HOTPLUG: u64 = 4;

/// Writes a machine's defaults. `request` is the id of the request, which nothing else has.
pub fn machine(vm: &mut Value, old: &Value, request: &str) {
    observe(&mut vm["metadata"]);
    if !vm["spec"]["template"].is_object() {
        // The validation says so.
        return;
    }
    let was = &old["spec"]["template"]["spec"]["domain"]["firmware"];
    let template = &mut vm["spec"]["template"];
    or_set(
        &mut template["metadata"]["annotations"],
        "kubevirt.io/pci-topology-version",
        "v3".into(),
    );
    let spec = &mut template["spec"];
    or_set(spec, "architecture", "amd64".into());
    let domain = &mut spec["domain"];
    or_set(domain, "devices", json!({}));
    or_set(domain, "resources", json!({}));
    or_set(&mut domain["machine"], "type", "q35".into());
    for key in ["uuid", "serial"] {
        let made = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{request}/{key}").as_bytes());
        let value = was[key].as_str().map_or_else(|| made.to_string(), str::to_owned);
        or_set(&mut domain["firmware"], key, value.into());
    }
}

/// Writes an instance's defaults, when it is made.
pub fn instance(vmi: &mut Value) {
    observe(&mut vmi["metadata"]);
    let finalizers = &mut vmi["metadata"]["finalizers"];
    match finalizers.as_array_mut() {
        Some(held) if held.iter().any(|held| held == NODE_FINALIZER) => {}
        Some(held) => held.push(NODE_FINALIZER.into()),
        None => *finalizers = json!([NODE_FINALIZER]),
    }
    let spec = &mut vmi["spec"];
    or_set(spec, "architecture", "amd64".into());
    or_set(spec, "evictionStrategy", "None".into());
    or_set(&mut spec["domain"]["machine"], "type", "q35".into());
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(disk) = volume.get_mut("containerDisk") else { continue };
        let image = text(disk, "/image");
        let floats = image.ends_with(":latest") || !image.contains([':', '@']);
        let policy = if floats { "Always" } else { "IfNotPresent" };
        or_set(disk, "imagePullPolicy", policy.into());
    }
    add_interface(spec);
    add_disks(spec);
    let domain = &mut spec["domain"];
    or_set(domain, "devices", json!({}));
    let requested = domain["resources"]["requests"]["memory"].clone();
    if domain["memory"].get("guest").is_none() && !requested.is_null() {
        domain["memory"]["guest"] = requested;
    }
    for key in ["sockets", "cores", "threads"] {
        or_set(&mut domain["cpu"], key, 1.into());
    }
    or_set(&mut domain["cpu"], "model", "host-model".into());
    let sockets = domain["cpu"]["sockets"].as_u64().unwrap_or(1);
    or_set(&mut domain["cpu"], "maxSockets", sockets.saturating_mul(HOTPLUG).into());
    or_set(&mut domain["features"]["acpi"], "enabled", true.into());
    let cpu = &domain["cpu"];
    let topology = json!({
        "sockets": cpu["sockets"], "cores": cpu["cores"], "threads": cpu["threads"],
    });
    let guest = domain["memory"]["guest"].clone();
    if domain["memory"]["maxGuest"].is_null()
        && let Some(most) = guest.as_str().and_then(|guest| times(guest, HOTPLUG))
    {
        let mut with_most = spec.clone();
        with_most["domain"]["memory"]["maxGuest"] = most.into();
        if rules::pluggable_memory(&with_most).is_ok() {
            *spec = with_most;
        }
    }
    vmi["status"]["currentCPUTopology"] = topology;
    vmi["status"]["memory"] =
        json!({ "guestAtBoot": guest, "guestCurrent": guest, "guestRequested": guest });
}

fn observe(metadata: &mut Value) {
    for key in ["latest-observed-api-version", "storage-observed-api-version"] {
        or_set(&mut metadata["annotations"], &format!("kubevirt.io/{key}"), "v1".into());
    }
}

fn or_set(value: &mut Value, key: &str, default: Value) {
    // What is no object is refused by the schema, after this.
    let is_open = value.is_object() || value.is_null();
    if is_open && value.get(key).is_none_or(Value::is_null) {
        value[key] = default;
    }
}

/// The units of quantities, each with how much it is of the one before.
const UNITS: [([&str; 5], u64); 2] =
    [(["Ki", "Mi", "Gi", "Ti", "Pi"], 1024), (["k", "M", "G", "T", "P"], 1000)];

/// A quantity's number, and its unit.
fn split(quantity: &str) -> Option<(u64, &str)> {
    let end = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(end);
    Some((number.parse().ok()?, unit))
}

/// A quantity in bytes, if it is a whole number of a unit.
pub fn bytes(quantity: &str) -> Option<u64> {
    let (number, unit) = split(quantity)?;
    if unit.is_empty() {
        return Some(number);
    }
    UNITS.iter().find_map(|(units, step)| {
        let place = units.iter().position(|other| *other == unit)?;
        number.checked_mul(step.checked_pow(u32::try_from(place).ok()? + 1)?)
    })
}

/// A quantity of bytes, several times: as Kubernetes writes it, with the greatest unit that fits.
fn times(quantity: &str, factor: u64) -> Option<String> {
    let (number, unit) = split(quantity)?;
    let mut number = number.checked_mul(factor)?;
    if unit.is_empty() {
        return Some(number.to_string());
    }
    let (units, step) = UNITS.iter().find(|(units, _)| units.contains(&unit))?;
    let mut place = units.iter().position(|other| *other == unit)?;
    while number % step == 0 && place + 1 < units.len() {
        number /= step;
        place += 1;
    }
    Some(format!("{number}{}", units.get(place)?))
}

#[cfg(test)]
mod tests {
    use super::{bytes, times};

    #[test]
    fn quantities_are_written_with_the_greatest_unit() {
        for (quantity, expected) in
            [("2Gi", "8Gi"), ("512Mi", "2Gi"), ("300Mi", "1200Mi"), ("1G", "4G"), ("1024", "4096")]
        {
            assert_eq!(times(quantity, 4).as_deref(), Some(expected), "{quantity}");
        }
    }
    #[test]
    fn quantities_are_read_in_all_units() {
        for (quantity, expected) in [
            ("2Gi", Some(2 << 30)),
            ("512Mi", Some(512 << 20)),
            ("3G", Some(3_000_000_000)),
            ("7", Some(7)),
            ("1.5Gi", None),
        ] {
            assert_eq!(bytes(quantity), expected, "{quantity}");
        }
    }
}
