//! Bodies of requests.

const NS: &str = "xmlns=\"http://www.vmware.com/vcloud/v1.5\" xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\"";

/// An element with its name spaces, attributes and content.
pub fn root(name: &str, attributes: &str, content: &str) -> String {
    format!("<{name} {NS} {attributes}>{content}</{name}>")
}

/// A network section with one network that is bridged to this one.
pub fn networks(name: &str, parent: &str) -> String {
    format!(
        "<NetworkConfigSection><ovf:Info/><NetworkConfig networkName=\"{name}\"><Configuration>\
         <ParentNetwork href=\"{parent}\"/><FenceMode>bridged</FenceMode></Configuration></NetworkConfig>\
         </NetworkConfigSection>"
    )
}

/// instantiateVAppTemplate, connected to a network.
pub fn instantiate(name: &str, template: &str, network: Option<&str>, power_on: bool) -> String {
    let params = network.map(|network| {
        format!("<InstantiationParams>{}</InstantiationParams>", networks("demo-net", network))
    });
    root(
        "InstantiateVAppTemplateParams",
        &format!("name=\"{name}\" deploy=\"{power_on}\" powerOn=\"{power_on}\""),
        &format!(
            "<Description/>{}<Source href=\"{template}\"/><AllEULAsAccepted>true</AllEULAsAccepted>",
            params.unwrap_or_default()
        ),
    )
}

/// composeVApp with this content, switched off.
pub fn compose(name: &str, content: &str) -> String {
    let attributes = format!("name=\"{name}\" deploy=\"false\" powerOn=\"false\"");
    root("ComposeVAppParams", &attributes, content)
}

/// recomposeVApp with this content.
pub fn recompose(content: &str) -> String {
    root("RecomposeVAppParams", "", content)
}

/// A SourcedItem with more behind its source.
pub fn sourced(href: &str, name: &str, more: &str) -> String {
    format!("<SourcedItem><Source href=\"{href}\" name=\"{name}\"/>{more}</SourcedItem>")
}

/// A SourcedItem as a document of its own.
pub fn alone(name: &str, href: &str) -> String {
    root(name, "", &format!("<Source href=\"{href}\" name=\"new\"/>"))
}

/// A CreateItem: a VM of nothing, with more at its end.
pub fn created(name: &str, more: &str) -> String {
    format!(
        "<CreateItem name=\"{name}\"><GuestCustomizationSection><ovf:Info/><ComputerName>{name}</ComputerName>\
         </GuestCustomizationSection><VmSpecSection Modified=\"true\"><ovf:Info/><OsType>ubuntu64Guest</OsType>\
         <NumCpus>1</NumCpus><NumCoresPerSocket>1</NumCoresPerSocket><MemoryResourceMb><Configured>512</Configured>\
         </MemoryResourceMb></VmSpecSection>{more}</CreateItem>"
    )
}

/// A metadata document with one text.
pub fn metadata(key: &str, value: &str) -> String {
    format!(
        "<Metadata {NS} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><MetadataEntry><Key>{key}</Key>\
         <TypedValue xsi:type=\"MetadataStringValue\"><Value>{value}</Value></TypedValue></MetadataEntry></Metadata>"
    )
}

/// A metadata value, a text, of a domain.
pub fn metadata_value(value: &str, domain: &str) -> String {
    format!(
        "<MetadataValue {NS} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{domain}\
         <TypedValue xsi:type=\"MetadataStringValue\"><Value>{value}</Value></TypedValue></MetadataValue>"
    )
}
