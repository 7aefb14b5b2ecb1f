//! Tokens: ours are signed here, the one of RS256 by OpenSSL, whose key is in the files.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const SECRET: &str = "a secret of thirty-two characters";

const RSA_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwJQkGhOH5/VTAfYohARM
OhcfILPEu+dzljtQB8gLowGHo/WK0vyfrca7jJEuEvIB2Adgmf1z9CwCELMpf2ML
GtH5RDz337UxuF0FsH83F/1cpjtyPUZZ3gUrApUWOrV/SoxhCbQGF3dtRM6JsrJP
DXzXUP3BIqey4Mwr4Tu5KElkK0pH7Y8gZO4aPv5RXsENrIMUd9JhpWCJ5IElH3+E
QURmTo+DSiRGdkFhfh+//Fon+hG3AcHgqnRkl6AH8yzTGHy/W8qpHDg/mVqOiU4E
UmKHj/HH77/qoXhWkL5ki1RGM87k/YVtFNICmMs3NrwH5vR6wjYWVmrnjndTcRhZ
IwIDAQAB
-----END PUBLIC KEY-----
";

const RSA_MODULUS: &str = "wJQkGhOH5_VTAfYohARMOhcfILPEu-dzljtQB8gLowGHo_WK0vyfrca7jJEuEvIB2Adgmf1z9CwCELMpf2MLGtH5RDz337UxuF0FsH83F_1cpj\
    tyPUZZ3gUrApUWOrV_SoxhCbQGF3dtRM6JsrJPDXzXUP3BIqey4Mwr4Tu5KElkK0pH7Y8gZO4aPv5RXsENrIMUd9JhpWCJ5IElH3-EQURmTo-D\
    SiRGdkFhfh-__Fon-hG3AcHgqnRkl6AH8yzTGHy_W8qpHDg_mVqOiU4EUmKHj_HH77_qoXhWkL5ki1RGM87k_YVtFNICmMs3NrwH5vR6wjYWVm\
    rnjndTcRhZIw";

/// {"sub":"ann","exp":4102444800}
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4iLCJleHAiOjQxMDI0NDQ4MDB9.Tab9N_xijzm0BsU3wUXfZDuTN43tX-cr\
    2_em0-rowA1Tct_HT5l2q06n5suqtxnW-Na5pwydzjfe8a7wlocDUUUiMELy3nTBFCDyzoGYsLpyk7ZTGN3XhLtyqfNPObGDTihZeh6G_y9cIt\
    e5hgbaIU_yqtW-DNHdAiVWGPuw50_nKFfK3g_rA-kxgSZ5It330pLVpgMzl7dexQoseIcklCvB59iM5XFwzl52hj-6CMyboJZPGzrilDPxFLdc\
    LxXIWjW3a1J6KVD6ejJN2LaIonscNDEq90C18Ll2n_Urks2yphob3pu8yBiBMYg8gXvZDnuuBGXxaHkDXum-Lt5vLw";

/// A directory that goes with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let random = u64::from_le_bytes(super::super::crypto::random().unwrap());
        let path = std::env::temp_dir().join(format!("tabmq-jwt-{random:x}"));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str, text: &str) -> Option<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        Some(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn hs256(claims: &Value) -> String {
    let message = unsigned(&json!({"alg": "HS256", "typ": "JWT"}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn with_secret(directory: &Directory) -> JwtTable {
    JwtTable { secret_file: directory.file("secret", &format!("{SECRET}\n")), ..JwtTable::default() }
}

fn names(name: &str) -> Option<super::super::names::Names> {
    #[derive(serde::Deserialize)]
    struct Table {
        name: super::super::names::Names,
    }
    Some(toml::from_str::<Table>(&format!("name = '{name}'")).unwrap().name)
}

#[test]
fn claims_say_who_and_what() {
    let directory = Directory::new();
    let jwt = with_secret(&directory).load().unwrap();
    let now = get_current_timestamp();
    let token = hs256(&json!({
        "sub": "ann", "exp": now + 60, "groups": ["staff", "night"], "role": "publisher",
        "permissions": {"publish": ["a/#", "b"], "sub": "c/%u"},
    }));
    assert!(Jwt::is_token(token.as_bytes()) && !Jwt::is_token(b"eyes.wide") && !Jwt::is_token(b"a.b.c"));
    let Token { identity, role } = jwt.verify(token.as_bytes()).unwrap();
    assert_eq!((identity.user.as_deref(), role), (Some("ann"), Some(Role::Publisher)));
    assert_eq!(identity.groups.iter().map(|group| &**group).collect::<Vec<_>>(), ["staff", "night"]);
    let patterns: Vec<_> =
        identity.grants.as_ref().unwrap().iter().map(|grant| grant.pattern.as_str()).collect();
    assert_eq!(patterns, ["a/#", "b", "c/%u"]);
    let valid_for = identity.valid_for.unwrap().as_secs();
    assert!((60..=70).contains(&valid_for), "{valid_for} s");
}

#[test]
fn what_is_not_good_is_refused() {
    let directory = Directory::new();
    let table = JwtTable { issuer: names("us"), audience: names("broker"), ..with_secret(&directory) };
    let jwt = table.load().unwrap();
    let now = get_current_timestamp();
    let good = json!({"sub": "ann", "exp": now + 60, "iss": "us", "aud": ["broker", "other"]});
    assert!(jwt.verify(hs256(&good).as_bytes()).is_ok());
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let cases = [
        (with("exp", json!(now - 60)), "ExpiredSignature"),
        (with("exp", Value::Null), "exp"),
        (with("nbf", json!(now + 60)), "ImmatureSignature"),
        (with("iss", json!("them")), "InvalidIssuer"),
        (with("iss", Value::Null), "iss"),
        (with("aud", json!("other")), "InvalidAudience"),
        (with("aud", Value::Null), "aud"),
        (with("sub", json!("")), "its user"),
        (with("role", json!("king")), "viewer, publisher and admin"),
        (with("groups", json!([1])), "strings"),
        (with("permissions", json!({"deny": ["a"]})), "which is none"),
        (with("permissions", json!(["a"])), "not an object"),
    ];
    for (claims, part) in cases {
        let why = jwt.verify(hs256(&claims).as_bytes()).unwrap_err();
        assert!(why.contains(part), "{claims}: {why}");
    }
    // Another signature, none, and the algorithm "none".
    let token = hs256(&good);
    let (message, _) = token.rsplit_once('.').unwrap();
    let none = unsigned(&json!({"alg": "none"}), &good);
    let hs512 = unsigned(&json!({"alg": "HS512"}), &good);
    for bad in [
        format!("{message}.AAAA"),
        format!("{message}."),
        format!("{none}."),
        format!("{hs512}.AAAA"),
        "ey..".into(),
    ] {
        assert!(jwt.verify(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn public_keys() {
    let directory = Directory::new();
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let es256 = |id: &str| {
        let message =
            unsigned(&json!({"alg": "ES256", "kid": id}), &json!({"sub": "eve", "exp": 4_102_444_800_u64}));
        let signature = pair.sign(&random, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let set = json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "one", "x": x, "y": y},
        {"kty": "RSA", "kid": "two", "alg": "RS256", "n": RSA_MODULUS, "e": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    ]});
    let in_set = JwtTable { jwks_file: directory.file("jwks", &set.to_string()), ..JwtTable::default() };
    let in_set = in_set.load().unwrap();
    let in_pem =
        JwtTable { public_key_file: directory.file("pem", RSA_PEM), ..JwtTable::default() }.load().unwrap();
    let user =
        |jwt: &Jwt, token: &str| jwt.verify(token.as_bytes()).map(|token| token.identity.user.unwrap());
    assert_eq!(user(&in_set, &es256("one")).as_deref(), Ok("eve"));
    assert!(user(&in_set, &es256("other")).is_err(), "a key with another id");
    assert_eq!(user(&in_set, RSA_TOKEN).as_deref(), Ok("ann"));
    assert_eq!(user(&in_pem, RSA_TOKEN).as_deref(), Ok("ann"));
    assert!(user(&in_pem, &es256("one")).is_err());
    // The public key taken for a secret, which everybody knows.
    let message = unsigned(&json!({"alg": "HS256"}), &json!({"sub": "eve", "exp": 4_102_444_800_u64}));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, RSA_PEM.as_bytes()), message.as_bytes());
    assert!(user(&in_pem, &format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))).is_err());
}

#[test]
fn keys_that_are_none_are_refused() {
    let directory = Directory::new();
    let file = |text| directory.file("key", text);
    let cases = [
        (JwtTable { secret_file: file("short"), ..JwtTable::default() }, "32 bytes"),
        (JwtTable { public_key_file: file("x"), ..JwtTable::default() }, "PEM"),
        (JwtTable { jwks_file: file("x"), ..JwtTable::default() }, "key"),
        (JwtTable { jwks_file: Some("/nowhere/jwks".into()), ..JwtTable::default() }, "cannot read"),
    ];
    for (table, part) in cases {
        // The last of the cases' texts is in the file; a wrong one in any case.
        let why = table.load().unwrap_err().to_string();
        assert!(why.contains(part), "{why}");
    }
    let empty = JwtTable { jwks_file: file("{\"keys\": []}"), ..JwtTable::default() };
    assert!(empty.load().unwrap_err().to_string().contains("no key"));
    assert!(JwtTable::default().mistake().is_some() && empty.mistake().is_none());
}
