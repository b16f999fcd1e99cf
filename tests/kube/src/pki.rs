//! Keys and certificates of a control plane, made anew for each.

use std::{
    fs,
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::Anything;

/// Who may do everything: bound to `cluster-admin` by the API server itself.
const MASTERS: &str = "system:masters";

/// A certificate with its key, both PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// What the programs of a control plane know each other by.
pub struct Pki {
    /// The certificate that all others are checked against, PEM.
    pub ca: String,
    /// An administrator.
    pub admin: Identity,
    /// The controller manager.
    pub controller_manager: Identity,
}

/// Makes all keys and certificates, and writes the files that the programs read into `folder`.
pub fn make(folder: &Path) -> Anything<Pki> {
    fs::create_dir_all(folder)?;
    let ca = Authority::new("kubernetes-ca")?;
    let front_proxy = Authority::new("front-proxy-ca")?;
    let api_server = ca.server("kube-apiserver")?;
    let proxy_client = front_proxy.client("front-proxy-client", None)?;
    let admin = ca.client("kubernetes-admin", Some(MASTERS))?;
    let controller_manager = ca.client("system:kube-controller-manager", None)?;
    let accounts = KeyPair::generate()?;
    for (name, text) in [
        ("ca.crt", ca.certificate.as_str()),
        ("front-proxy-ca.crt", front_proxy.certificate.as_str()),
        ("apiserver.crt", api_server.certificate.as_str()),
        ("apiserver.key", api_server.key.as_str()),
        ("front-proxy-client.crt", proxy_client.certificate.as_str()),
        ("front-proxy-client.key", proxy_client.key.as_str()),
        ("sa.key", accounts.serialize_pem().as_str()),
        ("sa.pub", accounts.public_key_pem().as_str()),
    ] {
        write_private(&folder.join(name), text)?;
    }
    Ok(Pki { ca: ca.certificate, admin, controller_manager })
}

/// Writes a file that only its owner reads.
pub fn write_private(path: &Path, text: &str) -> Anything<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new(name: &str) -> Anything<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// A user of that name, in a group.
    fn client(&self, name: &str, group: Option<&str>) -> Anything<Identity> {
        let mut params = CertificateParams::default();
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, params)
    }

    fn server(&self, name: &str) -> Anything<Identity> {
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let mut params = CertificateParams::new(names.map(str::to_owned))?;
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(name, params)
    }

    fn sign(&self, name: &str, mut params: CertificateParams) -> Anything<Identity> {
        let key = KeyPair::generate()?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}
