//! XML namespaces.

/// The namespaces VCD documents use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ns {
    /// No namespace: plain attributes.
    None,
    /// The vCloud API.
    Vcloud,
    /// The document `/api/versions`.
    Versions,
    /// The vCloud administration extension.
    Vmext,
    /// The OVF envelope.
    Ovf,
    /// CIM virtual system settings.
    Vssd,
    /// CIM resource allocation settings.
    Rasd,
    /// VMware's additions to OVF.
    Vmw,
    /// XML Schema instance.
    Xsi,
    /// `xml:lang` and the like.
    Xml,
    /// Any other.
    Other,
}

impl Ns {
    /// The namespace's URI, empty for [`Ns::None`] and [`Ns::Other`].
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::None | Self::Other => "",
            Self::Vcloud => "http://www.vmware.com/vcloud/v1.5",
            Self::Versions => "http://www.vmware.com/vcloud/versions",
            Self::Vmext => "http://www.vmware.com/vcloud/extension/v1.5",
            Self::Ovf => "http://schemas.dmtf.org/ovf/envelope/1",
            Self::Vssd => {
                "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
            }
            Self::Rasd => {
                "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
            }
            Self::Vmw => "http://www.vmware.com/schema/ovf",
            Self::Xsi => "http://www.w3.org/2001/XMLSchema-instance",
            Self::Xml => "http://www.w3.org/XML/1998/namespace",
        }
    }

    const KNOWN: [Self; 9] = [
        Self::Vcloud,
        Self::Ovf,
        Self::Vssd,
        Self::Rasd,
        Self::Vmw,
        Self::Xsi,
        Self::Vmext,
        Self::Versions,
        Self::Xml,
    ];

    /// The namespace of a URI.
    #[must_use]
    pub fn of_uri(uri: &str) -> Self {
        if uri.is_empty() {
            return Self::None;
        }
        Self::KNOWN.into_iter().find(|ns| ns.uri() == uri).unwrap_or(Self::Other)
    }

    /// The namespace that a customary prefix stands for, for clients that forget to declare it.
    pub(crate) fn of_customary_prefix(prefix: &str) -> Option<Self> {
        Some(match prefix {
            "vcloud" => Self::Vcloud,
            "ovf" => Self::Ovf,
            "vssd" => Self::Vssd,
            "rasd" => Self::Rasd,
            "vmw" => Self::Vmw,
            "xsi" => Self::Xsi,
            "vmext" => Self::Vmext,
            "xml" => Self::Xml,
            _ => return None,
        })
    }
}
