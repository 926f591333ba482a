//! Which servers there are, and what is right or wrong with each.

use crate::{
    control::{self, Controlled},
    pki::{self, Authority, Der, EXPIRED, Identity, VALID, io_error, p256, pin},
    server::{self, Config, Manner, Shared},
};
use rcgen::KeyPair;
use serde_json::{Map, Value, json};
use std::{
    fs, io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::ring::{Ticketer, default_provider},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

/// A testbed that runs. Its files go when it is dropped.
pub(crate) struct Running {
    pub(crate) document: Value,
    pub(crate) control: SocketAddr,
    _directory: TempDir,
}

/// The server that changes its key on command.
pub(crate) struct Rotating {
    config: Config,
    a: Arc<ServerConfig>,
    b: Arc<ServerConfig>,
}

impl Rotating {
    /// For every handshake from now on. Each key has sessions of its own, so none is resumed across the change.
    pub(crate) fn use_key(&self, which: &str) {
        let next = if which == "B" { &self.b } else { &self.a };
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = next.clone();
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];
const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
const H2_AND_HTTP1: &[&str] = &["h2", "http/1.1"];
const HTTP1: &[&str] = &["http/1.1"];

/// One server to be.
struct Plan<'a> {
    name: &'a str,
    describes: &'a str,
    identity: Identity,
    /// The chain a client trusting the root arrives at, leaf to root.
    validated: Option<Vec<Der>>,
    versions: &'static [&'static SupportedProtocolVersion],
    alpn: &'static [&'static str],
    manner: Manner,
    client_roots: Option<Arc<RootCertStore>>,
}

struct Builder<'a> {
    shared: Arc<Shared>,
    directory: &'a Path,
    hosts: Map<String, Value>,
}

impl<'a> Plan<'a> {
    fn new(name: &'a str, describes: &'a str, identity: Identity, validated: Option<Vec<Der>>) -> Self {
        let (versions, alpn, manner) = (BOTH, H2_AND_HTTP1, Manner::Normal);
        Self { name, describes, identity, validated, versions, alpn, manner, client_roots: None }
    }

    fn config(&self) -> io::Result<Arc<ServerConfig>> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(self.versions)
            .map_err(io_error)?;
        let builder = match &self.client_roots {
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.clone(), Arc::new(default_provider()))
                        .allow_unauthenticated()
                        .build()
                        .map_err(io_error)?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(self.identity.chain.clone(), self.identity.key.clone_key())
            .map_err(io_error)?;
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config.ticketer = Ticketer::new().map_err(io_error)?;
        Ok(Arc::new(config))
    }
}

impl Builder<'_> {
    async fn start(&mut self, plan: Plan<'_>) -> io::Result<Config> {
        let config: Config = Arc::new(RwLock::new(plan.config()?));
        let address = server::start(&self.shared, plan.name, config.clone(), plan.manner).await?;
        self.describe(plan.name, &plan, address)?;
        Ok(config)
    }

    fn describe(&mut self, name: &str, plan: &Plan<'_>, address: SocketAddr) -> io::Result<()> {
        let chain_file = self.write(&format!("{name}.pem"), &pki::pem(&plan.identity.chain))?;
        let validated = plan.validated.as_deref();
        let validated_file = validated
            .map(|chain| self.write(&format!("{name}.validated.pem"), &pki::pem(chain)))
            .transpose()?;
        let pins = validated.filter(|chain| chain.len() == 3).map(
            |chain| json!({"leaf": pin(&chain[0]), "intermediate": pin(&chain[1]), "root": pin(&chain[2])}),
        );
        let leaf_only = || json!({"leaf": plan.identity.chain.first().map(|der| pin(der)), "intermediate": null, "root": null});
        self.hosts.insert(name.to_owned(), json!({
            "host": format!("{}.spki.test", if name == "impostor" || name == "same-name-ca" || name == "rogue-issuer" { "leaf" } else { name }),
            "address": address.ip().to_string(),
            "port": address.port(),
            "describes": plan.describes,
            "valid": validated.is_some(),
            "pins": pins.unwrap_or_else(leaf_only),
            "servedPins": plan.identity.chain.iter().map(|der| pin(der)).collect::<Vec<_>>(),
            "chainFile": chain_file,
            "validatedChainFile": validated_file,
            "alpn": plan.alpn,
            "tls": plan.versions.iter().map(|version| if **version == TLS12 { "1.2" } else { "1.3" }).collect::<Vec<_>>(),
        }));
        Ok(())
    }

    fn write(&self, name: &str, content: &str) -> io::Result<String> {
        let file = self.directory.join(name);
        fs::write(&file, content)?;
        Ok(file.to_string_lossy().into_owned())
    }
}

fn identity(chain: &[Der], key: &KeyPair) -> io::Result<Identity> {
    Ok(Identity { chain: chain.to_vec(), key: pki::private_key(key)? })
}

/// Makes the PKI and starts everything.
pub(crate) async fn start(stop: Arc<Notify>) -> io::Result<Running> {
    let directory = tempfile::Builder::new().prefix("spki-testbed-").tempdir()?;
    let root = Authority::root("Testbed Root")?;
    let first = root.intermediate("Testbed Intermediate 1")?;
    let second = root.intermediate("Testbed Intermediate 2")?;
    let rogue_root = Authority::root("Testbed Rogue Root")?;
    let shared = Arc::new(Shared::new()?);
    let manifest_key = shared.manifest_key();
    let mut build = Builder { shared: shared.clone(), directory: directory.path(), hosts: Map::new() };

    // A good leaf under an intermediate: what is served, and what it validates to.
    let good =
        |authority: &Authority, names: &[&str], key: &KeyPair| -> io::Result<(Identity, Option<Vec<Der>>)> {
            let leaf = authority.leaf(names, key, VALID)?;
            let served = [leaf.clone(), authority.der()];
            Ok((identity(&served, key)?, Some(vec![leaf, authority.der(), root.der()])))
        };

    let leaf_key = p256()?;
    let (leaf, validated) =
        good(&first, &["leaf.spki.test", "*.leaf.spki.test", "localhost", "127.0.0.1", "::1"], &leaf_key)?;
    build.start(Plan::new("leaf", "a good chain", leaf, validated)).await?;

    for (name, describes) in [
        ("intermediate", "a good chain, to be pinned at its intermediate"),
        ("root", "a good chain, to be pinned at its root"),
        ("websocket", "a good chain; echoes WebSocket messages at /ws, as every host does over HTTP/1.1"),
        ("reports", "a good chain; collects reports POSTed to /report"),
    ] {
        let (identity, validated) = good(&second, &[&format!("{name}.spki.test")], &p256()?)?;
        build.start(Plan::new(name, describes, identity, validated)).await?;
    }

    for (name, describes, key) in [
        ("rsa2048", "an RSA key of 2048 bits", pki::rsa(include_str!("../keys/rsa2048.pem"))?),
        ("rsa4096", "an RSA key of 4096 bits", pki::rsa(include_str!("../keys/rsa4096.pem"))?),
        ("p256", "a P-256 key", p256()?),
        ("p384", "a P-384 key", pki::new_key(&rcgen::PKCS_ECDSA_P384_SHA384)?),
        ("ed25519", "an Ed25519 key", pki::new_key(&rcgen::PKCS_ED25519)?),
    ] {
        let (identity, validated) = good(&first, &[&format!("{name}.spki.test")], &key)?;
        build.start(Plan::new(name, describes, identity, validated)).await?;
    }

    for (name, describes, versions, alpn) in [
        ("tickets12", "TLS 1.2 only; sessions can be resumed", ONLY_12, HTTP1),
        ("tickets13", "TLS 1.3 only; sessions can be resumed", ONLY_13, HTTP1),
        ("http1", "HTTP/1.1 only", BOTH, HTTP1),
        ("h2", "HTTP/2 only", BOTH, &["h2"][..]),
    ] {
        let (identity, validated) = good(&first, &[&format!("{name}.spki.test")], &p256()?)?;
        build.start(Plan { versions, alpn, ..Plan::new(name, describes, identity, validated) }).await?;
    }

    for (name, describes, manner) in [
        ("slow", "accepts TCP and says nothing", Manner::Silent),
        ("slow-response", "answers after two seconds", Manner::Late(Duration::from_secs(2))),
        ("half-close", "sends half a response and cuts the connection", Manner::HalfClose),
        ("not-tls", "speaks HTTP without TLS", Manner::Plain),
    ] {
        let (identity, validated) = good(&first, &[&format!("{name}.spki.test")], &p256()?)?;
        let plan = Plan { manner, alpn: HTTP1, ..Plan::new(name, describes, identity, validated) };
        build.start(plan).await?;
    }

    // Two names on one certificate and one port: an HTTP/2 client may use one connection for both.
    let (identity_ab, validated) =
        good(&first, &["coalesced-a.spki.test", "coalesced-b.spki.test"], &p256()?)?;
    let plan =
        Plan::new("coalesced-a", "shares certificate and port with coalesced-b", identity_ab, validated);
    let config: Config = Arc::new(RwLock::new(plan.config()?));
    let address = server::start(&shared, "coalesced-a", config, Manner::Normal).await?;
    build.describe("coalesced-a", &plan, address)?;
    build.describe(
        "coalesced-b",
        &Plan { describes: "shares certificate and port with coalesced-a", ..plan },
        address,
    )?;

    // A key that changes.
    let (a, validated) = good(&first, &["rotating.spki.test"], &p256()?)?;
    let (b, validated_b) = good(&first, &["rotating.spki.test"], &p256()?)?;
    let plan_b = Plan::new("rotating", "", b, validated_b);
    let plan_a =
        Plan { alpn: H2_AND_HTTP1, ..Plan::new("rotating", "has key A, and key B on command", a, validated) };
    let (config_a, config_b) = (plan_a.config()?, plan_b.config()?);
    let config = build.start(plan_a).await?;
    let rotating = Rotating { config, a: config_a, b: config_b };
    rotating.use_key("A");
    let next_chain = pki::pem(plan_b.validated.as_deref().unwrap_or_default());
    build.hosts["rotating"]["nextPin"] = pin(&plan_b.identity.chain[0]).into();
    build.hosts["rotating"]["nextValidatedChainFile"] =
        build.write("rotating.next.validated.pem", &next_chain)?.into();

    invalid(&mut build, &first, &root).await?;
    deceitful(&mut build, &first, &second, &root, &rogue_root).await?;

    // Mutual TLS.
    let client_key = p256()?;
    let client_leaf = second.leaf(&["client.spki.test"], &client_key, VALID)?;
    let client_cert_file = build.write("client.pem", &pki::pem(&[client_leaf, second.der()]))?;
    let client_key_file = build.write("client.key", &client_key.serialize_pem())?;
    let mut client_roots = RootCertStore::empty();
    client_roots.add(root.der()).map_err(io_error)?;
    let (identity, validated) = good(&first, &["client-cert.spki.test"], &p256()?)?;
    let plan = Plan::new("client-cert", "asks for a client certificate", identity, validated);
    build.start(Plan { client_roots: Some(Arc::new(client_roots)), ..plan }).await?;

    let ca_file = build.write("ca.pem", &pki::pem(&[root.der()]))?;
    let rogue_ca_file = build.write("roots-with-rogue.pem", &pki::pem(&[root.der(), rogue_root.der()]))?;
    let hosts = build.hosts;
    let names = hosts.keys().cloned().collect();
    let control = control::start(Controlled { shared, rotating, hosts: names, stop }).await?;
    let document = json!({
        "version": 1,
        "directory": directory.path(),
        "caFile": ca_file,
        "rogueCaFile": rogue_ca_file,
        "clientCertFile": client_cert_file,
        "clientKeyFile": client_key_file,
        "manifestKey": manifest_key,
        "controlUrl": format!("http://{control}"),
        "reportUrl": format!("https://reports.spki.test:{}/report", hosts["reports"]["port"]),
        "hosts": hosts,
    });
    Ok(Running { document, control, _directory: directory })
}

/// Chains that no client accepts.
async fn invalid(build: &mut Builder<'_>, first: &Authority, root: &Authority) -> io::Result<()> {
    let key = p256()?;
    let leaf = first.leaf(&["somebody-else.spki.test"], &key, VALID)?;
    let served = identity(&[leaf, first.der()], &key)?;
    build.start(Plan::new("wrong-host", "a good chain for another name", served, None)).await?;

    let leaf = first.leaf(&["expired.spki.test"], &key, EXPIRED)?;
    let served = identity(&[leaf, first.der()], &key)?;
    build.start(Plan::new("expired", "a leaf that expired yesterday", served, None)).await?;

    let leaf = pki::self_signed(&["self-signed.spki.test"], &key)?;
    build
        .start(Plan::new("self-signed", "a leaf that nobody issued", identity(&[leaf], &key)?, None))
        .await?;

    let hidden = root.intermediate("Testbed Hidden Intermediate")?;
    let leaf = hidden.leaf(&["missing-intermediate.spki.test"], &key, VALID)?;
    let served = identity(&[leaf], &key)?;
    build.start(Plan::new("missing-intermediate", "a leaf without its issuer", served, None)).await?;
    Ok(())
}

/// Valid chains that pretend to hold a pin they do not hold. All but `appended` answer for the name of `leaf`.
async fn deceitful(
    build: &mut Builder<'_>,
    first: &Authority,
    second: &Authority,
    root: &Authority,
    rogue_root: &Authority,
) -> io::Result<()> {
    let key = p256()?;
    let leaf = second.leaf(&["appended.spki.test"], &key, VALID)?;
    let served = identity(&[leaf.clone(), second.der(), first.der()], &key)?;
    let validated = vec![leaf, second.der(), root.der()];
    let describes = "a good chain with the intermediate of `leaf` appended, which did not issue it";
    build.start(Plan::new("appended", describes, served, Some(validated))).await?;

    let leaf = second.leaf(&["leaf.spki.test", "*.leaf.spki.test"], &key, VALID)?;
    let served = identity(&[leaf.clone(), second.der()], &key)?;
    let validated = vec![leaf, second.der(), root.der()];
    let describes = "a valid chain for the name of `leaf` with another key and issuer";
    build.start(Plan::new("impostor", describes, served, Some(validated))).await?;

    let namesake = root.intermediate("Testbed Intermediate 1")?;
    let leaf = namesake.leaf(&["leaf.spki.test"], &key, VALID)?;
    let served = identity(&[leaf.clone(), first.der(), namesake.der()], &key)?;
    let validated = vec![leaf, namesake.der(), root.der()];
    let describes = "issued by a namesake of `leaf`'s intermediate, whose genuine certificate is sent first";
    build.start(Plan::new("same-name-ca", describes, served, Some(validated))).await?;

    // The path over `disguised` would lead to the intermediate of `leaf`, but `disguised` may not issue certificates;
    // with the rogue root trusted, the same key and name is an authority. Valid for `rogueCaFile` only.
    let disguised_key = p256()?;
    let disguised = first.disguised("Testbed Disguised", pki::copy(&disguised_key)?)?;
    let rogue = rogue_root.intermediate_with_key("Testbed Disguised", disguised_key)?;
    let leaf = rogue.leaf(&["leaf.spki.test"], &key, VALID)?;
    let served = identity(&[leaf, disguised.der(), first.der(), rogue.der()], &key)?;
    let describes = "for whoever trusts the rogue root: issued by an authority whose key `leaf`'s intermediate certified, but not as an authority";
    build.start(Plan::new("rogue-issuer", describes, served, None)).await?;
    Ok(())
}
