//! TLS towards servers, and for listeners of our own.

use std::{
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject as _,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Where the certificates of the authorities are that sign servers' certificates, if nothing else is said.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long a certificate made for a listener holds.
const DAYS: i32 = 30;

/// What a server's certificate is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The authorities in the file that `SSL_CERT_FILE` names, else those of the system.
    System,
    /// The authorities in this file, PEM.
    File(PathBuf),
    /// Nothing.
    Anyone,
}

/// What shakes hands with servers.
///
/// # Errors
/// Says what is wrong with the authorities.
pub fn connector(trust: &Trust) -> Result<TlsConnector, String> {
    let provider = provider();
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match trust {
        Trust::Anyone => {
            config.dangerous().with_custom_certificate_verifier(Arc::new(Unchecked(provider)))
        }
        Trust::File(path) => config.with_root_certificates(authorities(path)?),
        Trust::System => {
            let path = env::var("SSL_CERT_FILE").unwrap_or_else(|_| AUTHORITIES.to_owned());
            config.with_root_certificates(authorities(Path::new(&path))?)
        }
    };
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// A certificate chain with its key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What shakes hands with clients, in HTTP/1.1.
///
/// # Errors
/// Says why the certificate and the key do not go together.
pub fn acceptor((certificates, key): Identity) -> Result<TlsAcceptor, String> {
    let wrong =
        |error: rustls::Error| format!("the certificate and its key cannot be used: {error}");
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(wrong)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificate chain and the key in these files, PEM.
///
/// # Errors
/// Says which file cannot be used, and why.
pub fn identity(certificate: &Path, key: &Path) -> Result<Identity, String> {
    let wrong = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(certificate, &error))?;
    if chain.is_empty() {
        return Err(wrong(certificate, &"there is no certificate in it"));
    }
    Ok((chain, PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?))
}

/// A new certificate for this machine under `host`, signed with its own key, and the same as PEM for those who
/// want to trust it.
///
/// # Errors
/// Why none can be made.
pub fn self_signed(host: &str, now: Timestamp) -> Result<(Identity, String), String> {
    let failed = |error: rcgen::Error| format!("no certificate can be made: {error}");
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let anywhere = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
    if !anywhere && !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |date: Date| {
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    let mut params = CertificateParams::new(names).map_err(failed)?;
    // Clocks of clients may be behind.
    params.not_before = day(today.saturating_sub(1.day()));
    params.not_after = day(today.saturating_add(DAYS.days()));
    params.distinguished_name.push(DnType::CommonName, "ssvirt-conformance");
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    let pem = certificate.pem();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(((vec![certificate.der().clone()], key), pem))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let pem = fs::read(path).map_err(|error| wrong(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if roots.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(roots)
}

/// Takes any certificate.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
