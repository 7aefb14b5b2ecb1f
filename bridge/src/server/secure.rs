//! The listeners with TLS.

use super::{Server, StartError, bind};
use crate::broker::{ClientCertificate, Event, Peer, TransportKind};
use crate::config::Config;
use crate::gate::{Entry, Place};
use crate::hub::Hub;
use crate::listener::handshake::{HandshakeStats, Handshakes, NoHandshake};
use crate::listener::{Transport, accept, tls, ws};
use crate::tls::{Inside, LoadedTls, ServerTls, TlsError, UserFrom, identity};
use crate::{connection, events, http};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use tabmq_shared::packet::ReasonCode;
use tokio::net::{TcpListener, TcpStream};

/// What the listeners with TLS have in common.
#[derive(Debug)]
pub(super) struct Secure {
    pub(super) mqtts: Vec<SocketAddr>,
    pub(super) https: Option<SocketAddr>,
    handshakes: Arc<Handshakes>,
    user_from: UserFrom,
}

/// Listeners that do not accept yet.
#[derive(Debug, Default)]
pub(super) struct Bound {
    mqtts: Vec<TcpListener>,
    https: Option<TcpListener>,
}

impl Secure {
    /// Reads the files and binds the addresses; `None`: there are none.
    pub(super) fn bind(config: &Config) -> Result<Option<(Secure, Bound)>, StartError> {
        let Some(settings) = &config.tls else { return Ok(None) };
        let tls = ServerTls::load(settings.options.clone())?;
        let mqtts =
            config.mqtts.iter().map(|address| bind(*address, "--mqtts")).collect::<Result<Vec<_>, _>>()?;
        let https = config.https.map(|address| bind(address, "--https")).transpose()?;
        let (mqtts, mqtts_addresses) = mqtts.into_iter().unzip();
        let (https, https_address) = https.unzip();
        let handshakes = Handshakes::new(Arc::new(tls), settings.handshakes, settings.handshake_time);
        let secure = Secure {
            mqtts: mqtts_addresses,
            https: https_address,
            handshakes: Arc::new(handshakes),
            user_from: settings.user_from,
        };
        Ok(Some((secure, Bound { mqtts, https })))
    }
}

impl Secure {
    /// Where they are counted.
    pub(super) fn handshakes(&self) -> &Arc<Handshakes> {
        &self.handshakes
    }
}

impl Server {
    /// Where MQTT over TLS is accepted.
    pub fn mqtts_addresses(&self) -> &[SocketAddr] {
        self.secure.as_ref().map(|secure| secure.mqtts.as_slice()).unwrap_or_default()
    }

    /// Where the page, the API and WebSocket are served over TLS.
    pub fn https_address(&self) -> Option<SocketAddr> {
        self.secure.as_ref().and_then(|secure| secure.https)
    }

    /// How TLS handshakes have ended.
    pub fn handshake_stats(&self) -> HandshakeStats {
        self.secure.as_ref().map(|secure| secure.handshakes.stats()).unwrap_or_default()
    }

    /// Reads certificates, keys and revocation lists again; [`Server::reload_tls`] begins to use them. `None`: there are
    /// none, or nothing that uses them, because listeners are made at the start only.
    pub(crate) fn prepare_tls(&self, config: &Config) -> Result<Option<LoadedTls>, TlsError> {
        match (&self.secure, &config.tls) {
            (Some(_), Some(settings)) => LoadedTls::load(settings.options.clone()).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn reload_tls(&self, loaded: Option<LoadedTls>) {
        if let Some((secure, loaded)) = self.secure.as_ref().zip(loaded) {
            secure.handshakes.tls().replace(loaded);
        }
    }

    /// Begins to accept, and to look at the files.
    pub(super) fn accept_tls(&mut self, listeners: Bound, config: &Config) {
        let Some(secure) = &self.secure else { return };
        let door = Door {
            hub: Arc::clone(&self.hub),
            handshakes: Arc::clone(&secure.handshakes),
            user_from: secure.user_from,
        };
        self.tasks.spawn(Arc::clone(secure.handshakes.tls()).watch(events::certificates_changed));
        for listener in listeners.mqtts {
            let (door, workers) = (door.clone(), Arc::clone(&self.workers));
            self.tasks.spawn(accept::run(listener, self.entrance.clone(), move |stream, address, entry| {
                if let Entry::Admitted(place) = entry {
                    workers.spawn(stream, |stream| door.clone().serve_mqtt(stream, address, place));
                }
            }));
        }
        let Some(listener) = listeners.https else { return };
        let websocket = {
            let door = door.clone();
            ws::route(move |stream: tls::Stream, read_ahead, address, place| {
                // On the worker that had the connection as HTTP: a TLS stream cannot change its thread's runtime.
                tokio::spawn(door.clone().serve_websocket(stream, read_ahead, address, place));
            })
        };
        let (service, workers) = (self.http_service(config, websocket), Arc::clone(&self.workers));
        self.tasks.spawn(accept::run(listener, self.entrance.clone(), move |stream, address, entry| {
            let Entry::Admitted(place) = entry else { return };
            let (door, service) = (door.clone(), service.clone());
            workers.spawn(stream, |stream| door.serve_http(stream, address, place, service));
        }));
    }
}

/// Where clients with TLS come in.
#[derive(Clone)]
struct Door {
    hub: Arc<Hub>,
    handshakes: Arc<Handshakes>,
    user_from: UserFrom,
}

impl Door {
    async fn serve_mqtt(self, stream: TcpStream, address: SocketAddr, place: Place) {
        // Boxed: what the handshake needs is not kept for the life of the connection.
        let Some(stream) = Box::pin(self.open(stream, address, Inside::Mqtt)).await else { return };
        let transport = TransportKind::Tls;
        let Some(certificate) = self.certificate(&stream, address, transport) else { return };
        let peer = Peer { address, transport, certificate };
        connection::serve(Transport::Tls(Box::new(stream)), peer, self.hub, place).await;
    }

    async fn serve_http(
        self,
        stream: TcpStream,
        address: SocketAddr,
        place: Place,
        service: http::connection::Service,
    ) {
        let Ok(local) = stream.local_addr() else { return }; // the client is gone already
        let Some(stream) = Box::pin(self.open(stream, address, Inside::Http)).await else { return };
        let ends = http::connection::Ends { peer: address, local };
        http::connection::serve_stream(stream, ends, place, service).await;
    }

    async fn serve_websocket(
        self,
        stream: tls::Stream,
        read_ahead: Bytes,
        address: SocketAddr,
        place: Arc<Place>,
    ) {
        let transport = TransportKind::SecureWebSocket;
        let Some(certificate) = self.certificate(&stream, address, transport) else { return };
        let peer = Peer { address, transport, certificate };
        let stream = Box::new(ws::ByteStream::new(stream, read_ahead));
        connection::serve(Transport::SecureWebSocket(stream), peer, self.hub, place).await;
    }

    async fn open(&self, stream: TcpStream, address: SocketAddr, inside: Inside) -> Option<tls::Stream> {
        let transport = match inside {
            Inside::Mqtt => TransportKind::Tls,
            Inside::Http => TransportKind::SecureWebSocket,
        };
        match self.handshakes.accept(stream, inside).await {
            Ok(stream) => Some(stream),
            Err(why) => {
                self.refused(why, address, transport);
                None
            }
        }
    }

    /// What the client's certificate says, if it has one; `None`: the client must go.
    fn certificate(
        &self,
        stream: &tls::Stream,
        address: SocketAddr,
        transport: TransportKind,
    ) -> Option<Option<Arc<ClientCertificate>>> {
        let identified =
            stream.client_certificate().map(|certificate| identity(certificate, self.user_from)).transpose();
        match identified {
            Ok(certificate) => Some(certificate.map(Arc::new)),
            Err(why) => {
                self.refused(Some(why), address, transport);
                None
            }
        }
    }

    fn refused(&self, why: NoHandshake, address: SocketAddr, transport: TransportKind) {
        let Some(why) = why else { return };
        self.hub.count_refused();
        self.hub.tell(&Event::Refused {
            client_id: None,
            username: None,
            peer: Peer::new(address, transport),
            reason: ReasonCode::NotAuthorized,
            why,
        });
    }
}
