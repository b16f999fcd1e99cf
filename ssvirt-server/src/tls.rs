//! The server's certificate: the configured one, or one that it makes itself and keeps.

use std::{net::IpAddr, path::Path, sync::Arc};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    cli::Failure,
    config::{Config, TlsFiles},
    data_dir::DataDir,
};

const CERT_FILE: &str = "tls-cert.pem";
const KEY_FILE: &str = "tls-key.pem";
/// How long a self-made certificate holds. Whoever trusts it has copied it by hand: not too short.
const YEARS: i16 = 10;
/// How long before its end it is replaced.
const RENEW_DAYS: i32 = 30;

/// Makes aws-lc-rs the provider of every TLS connection of the process.
pub(crate) fn install_provider() {
    // An error means that one is installed already: by an earlier server in the same process.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// What handshakes are made with; none where plain HTTP is spoken.
pub(crate) fn acceptor(
    config: &Config,
    data_dir: Option<&DataDir>,
    now: Timestamp,
) -> Result<Option<TlsAcceptor>, Failure> {
    if config.plain_http {
        return Ok(None);
    }
    let (certs, key) = match (&config.tls, data_dir) {
        (Some(files), _) => from_files(files)?,
        (None, Some(data_dir)) => kept(data_dir, &names(config), now)?,
        (None, None) => {
            return Err(Failure::new("there is neither a certificate nor a data folder"));
        }
    };
    let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::of("TLS cannot be set up", &error))?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(|error| Failure::of("the TLS certificate and its key cannot be used", &error))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(tls))))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn from_files(files: &TlsFiles) -> Result<Identity, Failure> {
    let wrong = |path: &Path, error: &pem::Error| {
        let what = format!("{} cannot be used", path.display());
        Failure::of(&what, error)
    };
    let certs: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect);
    let certs = certs.map_err(|error| wrong(&files.cert, &error))?;
    if certs.is_empty() {
        return Err(wrong(&files.cert, &pem::Error::NoItemsFound));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, &error))?;
    Ok((certs, key))
}

/// The names that clients may reach the server under.
fn names(config: &Config) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let listen = config.listen.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
    let public = config.public_url.as_ref().map(|url| url.host.as_str());
    for name in [listen, public].into_iter().flatten() {
        let anywhere = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        if !anywhere && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The certificate in the data folder; made anew when there is none, when it ends soon, or when it lacks one
/// of the names.
fn kept(data_dir: &DataDir, names: &[String], now: Timestamp) -> Result<Identity, Failure> {
    let today = now.to_zoned(TimeZone::UTC).date();
    if let (Some(cert), Some(key)) = (data_dir.read(CERT_FILE)?, data_dir.read(KEY_FILE)?)
        && still_good(&cert, names, today)
        && let Ok(identity) = from_pem(&cert, &key)
    {
        return Ok(identity);
    }
    let (cert, key) = make(names, today)?;
    data_dir.write_private(KEY_FILE, key.as_bytes())?;
    data_dir.write_private(CERT_FILE, cert.as_bytes())?;
    tracing::info!(
        path = %data_dir.path().join(CERT_FILE).display(),
        names = names.join(", "),
        "made a self-signed certificate"
    );
    from_pem(cert.as_bytes(), key.as_bytes())
        .map_err(|error| Failure::of("the self-made certificate cannot be read", &error))
}

fn from_pem(cert: &[u8], key: &[u8]) -> Result<Identity, pem::Error> {
    Ok((vec![CertificateDer::from_pem_slice(cert)?], PrivateKeyDer::from_pem_slice(key)?))
}

/// The file's first line, which readers of PEM skip, says what would otherwise take an X.509 parser to know.
fn heading(names: &[String], until: Date) -> String {
    format!("SSVirt self-signed certificate until {until} for {}\n", names.join(" "))
}

fn still_good(cert: &[u8], names: &[String], today: Date) -> bool {
    let Some(line) = std::str::from_utf8(cert).ok().and_then(|text| text.lines().next()) else {
        return false;
    };
    let Some((until, known)) = line
        .strip_prefix("SSVirt self-signed certificate until ")
        .and_then(|rest| rest.split_once(" for "))
    else {
        return false;
    };
    let known: Vec<&str> = known.split(' ').collect();
    let lasts =
        until.parse::<Date>().is_ok_and(|until| today.saturating_add(RENEW_DAYS.days()) < until);
    lasts && names.iter().all(|name| known.contains(&name.as_str()))
}

/// A certificate and its key, as PEM.
fn make(names: &[String], today: Date) -> Result<(String, String), Failure> {
    let failed = |error: rcgen::Error| Failure::of("no certificate can be made", &error);
    // Clocks of clients may be behind.
    let from = today.saturating_sub(1.day());
    let until = today.saturating_add(YEARS.years());
    let day = |date: Date| {
        rcgen::date_time_ymd(
            date.year().into(),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.not_before = day(from);
    params.not_after = day(until);
    params.distinguished_name.push(DnType::CommonName, "SSVirt self-signed");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(failed)?;
    let cert = params.self_signed(&key).map_err(failed)?;
    Ok((heading(names, until) + &cert.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests;
