//! `GET /api/v1/openapi.json`: the API in OpenAPI 3.1, made of the same types that the handlers use.
//!
//! An address is described where it is registered ([`Api::with`]), so that none can be without a description.

use super::AppState;
use super::access::protect;
use crate::auth::{Gatekeeper, Role};
use axum::Router;
use axum::http::header;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use regex_lite::Regex;
use serde_json::Value;
use std::sync::Arc;
use tabmq_shared::api::Problem;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, HttpMethod, InfoBuilder, OpenApiBuilder, Paths, Ref, Required,
    ResponseBuilder, SecurityRequirement,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The path of the description.
pub(super) const OPENAPI_PATH: &str = "/api/v1/openapi.json";

const JSON: &str = "application/json";

/// An API that grows, and its description with it.
pub(super) struct Api {
    gate: Arc<Gatekeeper>,
    router: Router<AppState>,
    paths: Paths,
    components: Components,
}

/// What one method does at one path.
pub(super) struct Operation {
    method: HttpMethod,
    path: &'static str,
    role: Role,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<Schema>,
    /// The media type, and what is known of its form.
    answer: (&'static str, Option<Schema>),
}

/// The name of a type, and what puts it among the components.
struct Schema {
    name: String,
    add: fn(Components) -> Components,
}

impl Schema {
    fn of<T: ToSchema>() -> Schema {
        Schema { name: T::name().into_owned(), add: add::<T> }
    }

    fn content(&self) -> Content {
        Content::new(Some(Ref::from_schema_name(&self.name)))
    }
}

fn add<T: ToSchema>(components: Components) -> Components {
    let mut inner = Vec::new();
    T::schemas(&mut inner);
    let builder = ComponentsBuilder::from(components).schema(T::name(), <T as PartialSchema>::schema());
    builder.schemas_from_iter(inner).build()
}

impl Operation {
    /// One that answers with a `T` in JSON.
    pub(super) fn new<T: ToSchema>(
        method: HttpMethod,
        path: &'static str,
        role: Role,
        summary: &'static str,
    ) -> Self {
        let answer = (JSON, Some(Schema::of::<T>()));
        Operation { method, path, role, summary, parameters: Vec::new(), body: None, answer }
    }

    /// One that answers with text of this media type.
    pub(super) fn text(
        path: &'static str,
        media_type: &'static str,
        role: Role,
        summary: &'static str,
    ) -> Self {
        let (method, answer) = (HttpMethod::Get, (media_type, None));
        Operation { method, path, role, summary, parameters: Vec::new(), body: None, answer }
    }

    /// It takes a query.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        self.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// Its path has this in it.
    pub(super) fn in_path(mut self, name: &str, description: &str) -> Self {
        let mut parameter = Parameter::new(name);
        parameter.parameter_in = ParameterIn::Path;
        parameter.required = Required::True;
        parameter.description = Some(description.to_owned());
        parameter.schema = Some(String::schema());
        self.parameters.push(parameter);
        self
    }

    /// It takes a body in JSON.
    pub(super) fn body<T: ToSchema>(mut self) -> Self {
        self.body = Some(Schema::of::<T>());
        self
    }

    /// Each event of its stream has a `T` in JSON as its data.
    pub(super) fn events<T: ToSchema>(mut self) -> Self {
        self.answer.1 = Some(Schema::of::<T>());
        self
    }
}

impl Api {
    pub(super) fn new(gate: &Arc<Gatekeeper>) -> Api {
        let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components =
            ComponentsBuilder::new().security_scheme("basic", basic).security_scheme("bearer", bearer);
        Api {
            gate: Arc::clone(gate),
            router: Router::new(),
            paths: Paths::new(),
            components: add::<Problem>(components.build()),
        }
    }

    /// Registers an address, for those who have the role that it needs.
    pub(super) fn with(mut self, operation: Operation, handler: MethodRouter<AppState>) -> Self {
        let Operation { method, path, role, summary, parameters, body, answer: (media_type, answer) } =
            operation;
        self.router = self.router.route(path, protect(&self.gate, role, handler));
        for schema in body.iter().chain(&answer) {
            self.components = (schema.add)(self.components);
        }
        let content = answer.map_or_else(|| Content::new(Some(String::schema())), |schema| schema.content());
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let body = body.map(|schema| {
            RequestBodyBuilder::new().content(JSON, schema.content()).required(Some(Required::True)).build()
        });
        let none: [&str; 0] = [];
        let described = OperationBuilder::new()
            .summary(Some(summary))
            .description(Some(format!("Needs the role {role}, once there are users.")))
            .parameters(Some(parameters).filter(|parameters| !parameters.is_empty()))
            .request_body(body)
            .response("200", ResponseBuilder::new().description(summary).content(media_type, content))
            .response(
                "default",
                ResponseBuilder::new()
                    .description("What is wrong, in a sentence (RFC 9457)")
                    .content("application/problem+json", problem),
            )
            .security(SecurityRequirement::new("basic", none))
            .security(SecurityRequirement::new("bearer", none));
        self.paths.add_path_operation(path, vec![method], described.build());
        self
    }

    /// The API, with the address of its own description.
    pub(super) fn finish(self) -> Router<AppState> {
        let info = InfoBuilder::new()
            .title("TabMQ")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some("Who is connected, what is retained, what happens; and publishing."));
        let document =
            OpenApiBuilder::new().info(info).paths(self.paths).components(Some(self.components)).build();
        let mut document = serde_json::to_value(document).unwrap_or_default();
        if let Ok(link) = Regex::new(r"\[(`?)([^\]`]+)`?\](\([^)]*\))?") {
            without_links(&mut document, &link);
        }
        let text = Bytes::from(document.to_string());
        // For everybody: it says nothing that the sources do not.
        self.router.route(OPENAPI_PATH, get(async move || ([(header::CONTENT_TYPE, JSON)], text.clone())))
    }
}

/// The types' documentation has links for those who read the sources.
fn without_links(value: &mut Value, link: &Regex) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "description" => {
                        *text = link.replace_all(text, "$1$2$1").into_owned();
                    }
                    value => without_links(value, link),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| without_links(value, link)),
        _ => {}
    }
}
