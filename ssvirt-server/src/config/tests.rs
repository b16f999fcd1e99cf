use std::{fs, io::Write as _, path::PathBuf, time::Duration};

use super::*;

fn environment(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with(list: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
    load(environment(list), flags.iter().map(|(k, v)| (*k, (*v).to_owned())).collect())
}

/// A file that goes with the test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ssvirt-{}-{name}", std::process::id()));
        fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn message(result: Result<Config, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn the_list_of_keys_is_that_of_the_settings() {
    let file = TempFile::new("keys.toml", "nonsense = 1");
    let message = message(with(&[], &[("config", file.path())]));
    let settings = KEYS.iter().filter(|key| **key != "config").chain(&FILE_KEYS);
    for key in settings.clone() {
        assert!(
            message.contains(&format!(" {key},")) || message.ends_with(key),
            "{key}: {message}"
        );
    }
    assert_eq!(message.matches(',').count() + 1, settings.count());
    assert!(PLAIN_NAMES.iter().all(|key| KEYS.contains(key)));
}

#[test]
fn defaults() {
    let config = with(&[], &[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8443");
    assert_eq!(config.backend, Backend::None);
    assert_eq!(config.session_length, Duration::from_secs(24 * 3600));
    assert!(!config.plain_http && !config.demo);
    assert_eq!(config.log_format, LogFormat::Text);
    assert!(config.data_dir.is_none() && config.database.is_none() && config.tls.is_none());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = TempFile::new(
        "layers.toml",
        "log_level = \"debug\"\nlog_format = \"json\"\ndata_dir = \"/file\"\ndatabase_max_connections = 7\n",
    );
    let list = [("LOG_LEVEL", "warn"), ("SSVIRT_DATA_DIR", "/environment")];
    let config = with(&list, &[("config", file.path()), ("data_dir", "/flag")]).unwrap();
    assert_eq!(config.log_level, "warn");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.data_dir.as_deref(), Some(Path::new("/flag")));
    assert_eq!(config.database_max_connections, Some(7));
    let named = [("SSVIRT_CONFIG", file.path()), ("DATABASE_MAX_CONNECTIONS", "9")];
    assert_eq!(with(&named, &[]).unwrap().database_max_connections, Some(9));
}

#[test]
fn yaml_is_read_like_toml() {
    let file = TempFile::new("same.yaml", "http: true\napi_port: 8080\njwt_token_expiry: 30m\n");
    let config = with(&[], &[("config", file.path())]).unwrap();
    assert!(config.plain_http);
    assert_eq!(config.listen, "0.0.0.0:8080");
    assert_eq!(config.session_length, Duration::from_secs(1800));
}

#[test]
fn api_port_is_a_weaker_way_to_say_listen() {
    let listen = |list: &[(&str, &str)], flags: &[(&'static str, &str)]| {
        with(list, flags).map(|config| config.listen)
    };
    assert_eq!(listen(&[("API_PORT", "8080")], &[]).unwrap(), "0.0.0.0:8080");
    let flag = [("listen", "127.0.0.1:1234")];
    assert_eq!(listen(&[("API_PORT", "8080")], &flag).unwrap(), "127.0.0.1:1234");
    let both = [("API_PORT", "8080"), ("SSVIRT_LISTEN", "[::1]:0")];
    assert_eq!(listen(&both, &[]).unwrap(), "[::1]:0");
    let file = TempFile::new("listen.toml", "listen = \"10.0.0.1:1\"");
    let named = [("config", file.path())];
    assert_eq!(listen(&[("API_PORT", "8080")], &named).unwrap(), "0.0.0.0:8080");
    assert_eq!(listen(&[], &named).unwrap(), "10.0.0.1:1");
    for bad in ["99999", "http", "-1", "80 "] {
        assert!(listen(&[("API_PORT", bad)], &[]).unwrap_err().to_string().contains("api_port"));
    }
    for bad in ["8443", ":8443", "localhost", "localhost:https"] {
        assert!(listen(&[], &[("listen", bad)]).unwrap_err().to_string().starts_with("listen"));
    }
}

#[test]
fn the_environment_is_text_not_toml() {
    let digits = "12345678901234567890123456789012";
    let list = [("JWT_SECRET_KEY", digits), ("SSVIRT_DEMO_PASSWORD", "true")];
    let config = with(&list, &[]).unwrap();
    assert_eq!(config.jwt_secret.unwrap().expose(), digits);
    assert_eq!(config.demo_password.unwrap().expose(), "true");
}

#[test]
fn empty_variables_are_none_and_prefixed_ones_win() {
    let list = [("DATABASE_URL", ""), ("LOG_LEVEL", "debug"), ("SSVIRT_LOG_LEVEL", "error")];
    let config = with(&list, &[]).unwrap();
    assert!(config.database.is_none());
    assert_eq!(config.log_level, "error");
    // Only the names that deployments know stand without a prefix.
    assert!(!with(&[("DEMO", "true"), ("HTTP", "true"), ("LISTEN", "x")], &[]).unwrap().demo);
}

#[test]
fn mistakes_in_files_are_named() {
    let error = |name: &str, text: &str| {
        let file = TempFile::new(name, text);
        let message = message(with(&[], &[("config", file.path())]));
        assert!(message.contains(file.path()), "{message}");
        message
    };
    let unknown = error("unknown.toml", "databse_url = \"x\"");
    assert!(unknown.contains("unknown key \"databse_url\"; the keys are listen,"), "{unknown}");
    assert!(error("type.toml", "log_level = 3").contains("log_level"));
    assert!(error("port.yaml", "api_port: many").contains("api_port"));
    assert!(error("backend.toml", "backend = \"vsphere\"").contains("vsphere"));
    error("syntax.toml", "listen = ");
    error("syntax.yaml", "listen: [");
    error("name.ini", "");
    assert!(message(with(&[], &[("config", "/nonexistent.toml")])).contains("cannot be read"));
}

#[test]
fn values_that_do_not_go_are_refused() {
    let refused = |list: &[(&str, &str)], key: &str| {
        let message = message(with(list, &[]));
        assert!(message.contains(key), "{message}");
        assert!(!message.contains("short-secret"), "{message}");
    };
    refused(&[("JWT_SECRET_KEY", "short-secret")], "jwt_secret_key has 12 bytes");
    refused(&[("API_TLS_CERT_FILE", "/c")], "api_tls_key_file");
    refused(&[("API_TLS_KEY_FILE", "/k")], "api_tls_cert_file");
    refused(
        &[("API_TLS_KEY_FILE", "/k"), ("API_TLS_CERT_FILE", "/c"), ("SSVIRT_HTTP", "true")],
        "plain HTTP",
    );
    refused(&[("DATABASE_MAX_CONNECTIONS", "0")], "database_max_connections");
    refused(&[("DATABASE_MAX_CONNECTIONS", "lots")], "the environment: database_max_connections");
    refused(&[("LOG_FORMAT", "xml")], "log_format");
    refused(&[("SSVIRT_HTTP", "yes")], "http");
    refused(&[("SSVIRT_DEMO", "true"), ("SSVIRT_BACKEND", "none")], "backend");
    refused(&[("SSVIRT_ADMIN_PASSWORD_FILE", "/nonexistent")], "admin_password_file");
}

#[test]
fn durations() {
    let length = |text: &str| with(&[("JWT_TOKEN_EXPIRY", text)], &[]).map(|c| c.session_length);
    for (text, seconds) in [
        ("24h", 86400),
        ("30m", 1800),
        ("1h30m", 5400),
        ("90s", 90),
        ("1.5h", 5400),
        ("7d", 604_800),
    ] {
        assert_eq!(length(text).unwrap(), Duration::from_secs(seconds), "{text}");
    }
    for bad in ["24", "h", "-1h", "0s", "59s", "400d", "99999999999999999999d", "soon", "1 h 3"] {
        assert!(length(bad).unwrap_err().to_string().contains("jwt_token_expiry"), "{bad}");
    }
}

#[test]
fn public_urls() {
    let url = |text: &str| with(&[("SSVIRT_PUBLIC_URL", text)], &[]).map(|c| c.public_url.unwrap());
    for given in ["https://cloud.example.com/", "https://cloud.example.com/api"] {
        let url = url(given).unwrap();
        assert_eq!(
            (url.root.as_str(), url.host.as_str()),
            ("https://cloud.example.com", "cloud.example.com")
        );
    }
    assert_eq!(url("https://[::1]:9443").unwrap().host, "::1");
    for bad in ["cloud.example.com", "ftp://a", "https://", "https://a?b"] {
        assert!(url(bad).is_err(), "{bad}");
    }
}

#[test]
fn passwords_in_files_are_their_first_line() {
    let file = TempFile::new("password", "secret\r\nrest\n");
    let list = [("SSVIRT_ADMIN_PASSWORD_FILE", file.path()), ("SSVIRT_ADMIN_PASSWORD", "other")];
    let config = with(&list, &[]).unwrap();
    assert_eq!(config.admin_password.as_ref().unwrap().expose(), "secret");
    assert!(!format!("{config:?}").contains("secret\""));
    let empty = TempFile::new("empty", "\n");
    assert!(with(&[("SSVIRT_ADMIN_PASSWORD_FILE", empty.path())], &[]).is_err());
}

#[test]
fn a_cluster_is_described_in_the_file() {
    let text = r#"
        template_namespace = "golden"

        [[provider_vdc]]
        name = "default"
        backend = "kubevirt"
        context = "east"

        [kubevirt.vdc]
        pods = 100
        cluster_networks = ["10.128.0.0/14"]
        storage_classes = { standard = "gp3" }

        [kubevirt.calls]
        breaker_failures = 3

        [kubevirt.catalog]
        boot_image_namespaces = ["images"]
        images = [{ name = "debian", image = "datasource:images/debian", size_mib = 10240, cpus = 1, memory_mib = 1024 }]

        [kubevirt.placement]
        every_catalog = true
    "#;
    let file = TempFile::new("cluster.toml", text);
    let config = with(&[("KUBECONFIG", "/k")], &[("config", file.path())]).unwrap();
    assert_eq!(config.backend, Backend::Kubevirt);
    let Cluster { kubeconfig, context, namespace, kubevirt } = config.cluster;
    assert_eq!(kubeconfig.as_deref(), Some(Path::new("/k")));
    assert_eq!((context.as_deref(), namespace.as_str()), (Some("east"), "ssvirt"));
    assert_eq!((kubevirt.vdc.pods, kubevirt.vdc.secrets), (100, 50));
    assert_eq!(kubevirt.vdc.storage_classes["standard"], "gp3");
    assert_eq!(kubevirt.calls.options().breaker.failures, 3);
    assert_eq!(kubevirt.catalog.template_namespace, "golden");
    assert_eq!(kubevirt.catalog.images[0].cpus, 1);
    assert!(kubevirt.placement.every_catalog);
}

#[test]
fn a_cluster_that_cannot_be_is_refused() {
    let provider = "[[provider_vdc]]\nname = \"default\"\nbackend = \"kubevirt\"\n";
    for (text, why) in [
        (format!("{provider}{provider}"), "may be there once"),
        (provider.replace("default", "east"), "must be named \"default\""),
        (format!("backend = \"memory\"\n{provider}"), "that of provider_vdc is kubevirt"),
        (format!("{provider}context = \"east\"\n"), "but there is no kubeconfig"),
        ("[kubevirt.vdc]\npod = 1\n".to_owned(), "pod"),
        ("[kubevirt.calls]\nat_once = 0\n".to_owned(), "kubevirt.calls.at_once must be"),
        ("[kubevirt.placement]\nrefresh_seconds = 0\n".to_owned(), "refresh_seconds must be"),
    ] {
        let file = TempFile::new("no-cluster.toml", &text);
        let said = message(with(&[], &[("config", file.path())]));
        assert!(said.contains(why), "{text}: {said}");
    }
}
