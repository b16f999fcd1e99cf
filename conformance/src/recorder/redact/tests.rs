use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    Redactor::new(&secrets).unwrap()
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn headers_lose_their_secrets_and_tell_who() {
    let redactor = redactor(&[]);
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let headers = [
        header("authorization", &basic("admin@demo:correct horse")),
        header("Authorization", &basic("no colon")),
        header("authorization", "bearer of.a.long-token"),
        header("authorization", "bare-token"),
        header("x-vcloud-authorization", "another-token"),
        header("X-VMWARE-VCLOUD-ACCESS-TOKEN", "a-third-token"),
        header("x-vmware-vcloud-token-type", "Bearer"),
        header("set-cookie", "vcloud_jwt=a-cookies-value; Path=/; Secure"),
        header("location", "https://x/?access=a-third-token"),
    ];
    redactor.learn_headers(&headers);
    let values: Vec<String> =
        redactor.headers(&headers).into_iter().map(|(_, value)| value).collect();
    assert_eq!(
        values,
        [
            "Basic {credentials:admin@demo}",
            "Basic {credentials}",
            "bearer {token}",
            "{token}",
            "{token}",
            "{token}",
            "Bearer",
            "{cookie}",
            "https://x/?access={token}",
        ]
    );
    assert_eq!(
        redactor.text("correct horse of.a.long-token another-token a-cookies-value"),
        "{secret} {token} {token} {secret}"
    );
}

#[test]
fn fields_lose_their_secrets_and_nothing_else() {
    let redactor = redactor(&[]);
    for (text, expected) in [
        (
            r#"{"name":"box", "password" : "x\"y", "guest":{"adminPassword":"z","adminPasswordEnabled":true,"computerName":"box"}}"#,
            r#"{"name":"box", "password" : "{secret}", "guest":{"adminPassword":"{secret}","adminPasswordEnabled":true,"computerName":"box"}}"#,
        ),
        (
            r#"{"refresh_token":"a","access_token":"b","expires_in":3,"words":["c"],"clientSecret":["d",{"e":"f"},7],"token":null,"g":"h"}"#,
            r#"{"refresh_token":"{token}","access_token":"{token}","expires_in":3,"words":["c"],"clientSecret":["{secret}",{"e":"f"},"{secret}"],"token":null,"g":"h"}"#,
        ),
        (
            r#"[{"password":5},"password",{"password":"cut o"#,
            r#"[{"password":"{secret}"},"password",{"password":"{secret}""#,
        ),
        (
            "<r:A xmlns:r='u'><r:AdminPassword>x&amp;y</r:AdminPassword>\n<r:ComputerName>box</r:ComputerName><AdminPasswordEnabled>true</AdminPasswordEnabled><User password=\"z\" name='password'/></r:A>",
            "<r:A xmlns:r='u'><r:AdminPassword>{secret}</r:AdminPassword>\n<r:ComputerName>box</r:ComputerName><AdminPasswordEnabled>true</AdminPasswordEnabled><User password=\"{secret}\" name='password'/></r:A>",
        ),
        (
            "<P><![CDATA[kept]]><Password><![CDATA[x<y]]></Password><!-- kept --><Ticket>t</Ticket></P>",
            "<P><![CDATA[kept]]><Password>{secret}</Password><!-- kept --><Ticket>{secret}</Ticket></P>",
        ),
        (
            r#"<ovf:Property ovf:key="k" ovf:password="true" ovf:value="x"><ovf:Value ovf:value="y"/></ovf:Property><ovf:Property ovf:key="k" ovf:value="x"/>"#,
            r#"<ovf:Property ovf:key="k" ovf:password="true" ovf:value="{secret}"><ovf:Value ovf:value="{secret}"/></ovf:Property><ovf:Property ovf:key="k" ovf:value="x"/>"#,
        ),
        ("<A><Password>cut o", "<A><Password>{secret}"),
        ("<A><User password='cut o", "<A><User password='{secret}"),
        ("<A b=c d", "<A b=c d"),
        (
            "grant_type=refresh_token&refresh_token=x%2Fy&password=a+b&c",
            "grant_type=refresh_token&refresh_token={token}&password={secret}&c",
        ),
        ("/api/query?filter=(a==b)&token=x#y", "/api/query?filter=(a==b)&token={token}"),
        ("/api/vApp/vm-1?", "/api/vApp/vm-1?"),
        ("", ""),
    ] {
        assert_eq!(redactor.text(text), expected);
        assert_eq!(redactor.text(expected), expected);
    }
}

#[test]
fn a_secret_is_found_inside_another_text_and_the_longer_first() {
    let redactor = redactor(&["secret-one", "secret-one-and-more"]);
    assert_eq!(
        redactor.text("<!-- secret-one-and-more, secret-one -->"),
        "<!-- {secret}, {secret} -->"
    );
    assert_eq!(redactor.bytes(b"\xffsecret-one\xfe"), b"\xff{secret}\xfe");
    assert!(Redactor::new(&["short".to_owned()]).is_err());
}

proptest! {
    /// Whatever a secret is made of, and wherever it stands: it is not there afterwards, written or read.
    #[test]
    fn no_secret_is_left(secret in "[^\\p{Cc}{}]{10,24}", named in any::<bool>(), short in "[^\\p{Cc}{} ]{1,7}") {
        prop_assume!(secret.trim().chars().count() >= SHORTEST);
        let redactor = Redactor::new(if named { std::slice::from_ref(&secret) } else { &[] }).unwrap();
        let json = serde_json::json!({
            "password": secret, "nested": [{ "adminPassword": secret }], "note": format!("it is {secret}!"),
        }).to_string();
        let xml = format!(
            "<A note='{0}'><Password>{0}</Password><B>-{0}-</B></A>", quick_xml::escape::escape(&*secret)
        );
        let form = format!("password={0}&note={0}", bind::escaped(&secret, ""));
        let plus = format!("note={}", bind::escaped(&secret, "").replace("%20", "+"));
        let basic = format!("Basic {}", STANDARD.encode(format!("u@o:{secret}")));
        let texts = [json, xml, form, plus];
        redactor.learn_headers(&[header("authorization", &basic)]);
        for text in &texts {
            redactor.learn(text);
        }
        let secret = secret.trim();
        for text in &texts {
            let out = redactor.text(text);
            prop_assert!(!out.contains(secret), "{out}");
            prop_assert!(!bind::unescaped(&out.replace('+', " ")).contains(secret), "{out}");
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&out) {
                for pointer in ["/password", "/nested/0/adminPassword", "/note"] {
                    let value = value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap();
                    prop_assert!(!value.contains(secret), "{out}");
                }
            }
            if out.starts_with('<') {
                prop_assert!(!quick_xml::escape::unescape(&out).unwrap().contains(secret), "{out}");
            }
        }
        let headers = redactor.headers(&[header("authorization", &basic), header("x", secret)]);
        prop_assert_eq!(&headers[0].1, "Basic {credentials:u@o}");
        prop_assert!(!headers[1].1.contains(secret));
        // One that is too short to be looked for goes where it stands.
        let out = redactor.text(&serde_json::json!({ "password": short }).to_string());
        prop_assert!(short == "true" || short == "false" || out == r#"{"password":"{secret}"}"#, "{}", out);
    }

    /// Text without secrets stays as it is, broken or not.
    #[test]
    fn nothing_else_is_changed(text in "[\\[{<\"]?[-<>/&='\" a:,{}\\[\\]\\\\?\\pL]{0,60}") {
        prop_assert_eq!(redactor(&[]).text(&text), text);
    }
}
