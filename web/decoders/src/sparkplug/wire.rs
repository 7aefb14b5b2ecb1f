//! The messages of Sparkplug B on the wire: numbers and types of fields as in the Eclipse Sparkplug specification 3.0,
//! chapter 6 "Payloads".

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Payload {
    #[prost(uint64, optional, tag = "1")]
    pub(super) timestamp: Option<u64>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) seq: Option<u64>,
    #[prost(string, optional, tag = "4")]
    pub(super) uuid: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(super) body: Option<bytes::Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_historical: Option<bool>,
    #[prost(bool, optional, tag = "6")]
    pub(super) is_transient: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(super) is_null: Option<bool>,
    #[prost(message, optional, tag = "9")]
    pub(super) properties: Option<PropertySet>,
    #[prost(oneof = "MetricValue", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18")]
    pub(super) value: Option<MetricValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum MetricValue {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    String(String),
    #[prost(bytes = "bytes", tag = "16")]
    Bytes(bytes::Bytes),
    #[prost(message, tag = "17")]
    DataSet(DataSet),
    #[prost(message, tag = "18")]
    Template(Template),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertySet {
    #[prost(string, repeated, tag = "1")]
    pub(super) keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) values: Vec<PropertyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertySetList {
    #[prost(message, repeated, tag = "1")]
    pub(super) sets: Vec<PropertySet>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PropertyValue {
    #[prost(uint32, optional, tag = "1")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "2")]
    pub(super) is_null: Option<bool>,
    #[prost(oneof = "PropertyKind", tags = "3, 4, 5, 6, 7, 8, 9, 10")]
    pub(super) value: Option<PropertyKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum PropertyKind {
    #[prost(uint32, tag = "3")]
    Int(u32),
    #[prost(uint64, tag = "4")]
    Long(u64),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(double, tag = "6")]
    Double(f64),
    #[prost(bool, tag = "7")]
    Boolean(bool),
    #[prost(string, tag = "8")]
    String(String),
    #[prost(message, tag = "9")]
    Set(PropertySet),
    #[prost(message, tag = "10")]
    Sets(PropertySetList),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DataSet {
    #[prost(string, repeated, tag = "2")]
    pub(super) columns: Vec<String>,
    #[prost(uint32, repeated, packed = "false", tag = "3")]
    pub(super) types: Vec<u32>,
    #[prost(message, repeated, tag = "4")]
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Row {
    #[prost(message, repeated, tag = "1")]
    pub(super) elements: Vec<Element>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Element {
    #[prost(oneof = "Scalar", tags = "1, 2, 3, 4, 5, 6")]
    pub(super) value: Option<Scalar>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Scalar {
    #[prost(uint32, tag = "1")]
    Int(u32),
    #[prost(uint64, tag = "2")]
    Long(u64),
    #[prost(float, tag = "3")]
    Float(f32),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(bool, tag = "5")]
    Boolean(bool),
    #[prost(string, tag = "6")]
    String(String),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Template {
    #[prost(string, optional, tag = "1")]
    pub(super) version: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(super) metrics: Vec<Metric>,
    #[prost(message, repeated, tag = "3")]
    pub(super) parameters: Vec<Parameter>,
    #[prost(string, optional, tag = "4")]
    pub(super) template_ref: Option<String>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_definition: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Parameter {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) datatype: Option<u32>,
    #[prost(oneof = "ParameterValue", tags = "3, 4, 5, 6, 7, 8")]
    pub(super) value: Option<ParameterValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum ParameterValue {
    #[prost(uint32, tag = "3")]
    Int(u32),
    #[prost(uint64, tag = "4")]
    Long(u64),
    #[prost(float, tag = "5")]
    Float(f32),
    #[prost(double, tag = "6")]
    Double(f64),
    #[prost(bool, tag = "7")]
    Boolean(bool),
    #[prost(string, tag = "8")]
    String(String),
}
