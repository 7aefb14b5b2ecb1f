//! Sparkplug B: metrics by their names.
//!
//! A device says names and types of its metrics once, in its BIRTH message, and may afterwards send numbers (aliases) in
//! place of names. So a DATA message is readable only together with the BIRTH: see [`birth_topics`].

mod datatype;
mod wire;

use crate::problem::{Problem, What};
use crate::time;
use crate::tree::{Builder, Key, Tree, Value, escape};
use prost::Message;
use wire::{
    DataSet, Metric, MetricValue, ParameterValue, Payload, PropertyKind, PropertySet, Scalar, Template,
};

/// The topics whose last messages explain the aliases in a message on `topic`: the edge node's BIRTH, and the device's if
/// it is about a device. Empty if `topic` is not Sparkplug's or explains itself.
pub fn birth_topics(topic: &str) -> Vec<String> {
    let levels: Vec<&str> = topic.split('/').collect();
    match levels.as_slice() {
        ["spBv1.0", group, "NDATA" | "NCMD", node] => vec![format!("spBv1.0/{group}/NBIRTH/{node}")],
        ["spBv1.0", group, "DDATA" | "DCMD", node, device] => {
            vec![format!("spBv1.0/{group}/DBIRTH/{node}/{device}"), format!("spBv1.0/{group}/NBIRTH/{node}")]
        }
        _ => Vec::new(),
    }
}

/// Whether a message on `topic` explains others, and should be kept for them.
pub fn is_birth(topic: &str) -> bool {
    // Every message of every kind comes by here: most go at the first comparison.
    let Some(below) = topic.strip_prefix("spBv1.0/") else { return false };
    matches!(below.split('/').nth(1), Some("NBIRTH" | "DBIRTH"))
}

/// `bytes` as a tree, with names and types from `births`; the first that knows an alias counts.
///
/// # Errors
/// They are not a payload of Sparkplug B.
pub fn decode(bytes: &[u8], births: &[&[u8]]) -> Result<Tree, Problem> {
    let payload = Payload::decode(bytes).map_err(|_| match crate::protobuf::decode_raw(bytes) {
        Err(problem) => problem,
        Ok(_) => Problem::new(0, What::Invalid),
    })?;
    let births: Vec<Payload> = births.iter().filter_map(|birth| Payload::decode(*birth).ok()).collect();
    let known: Vec<&Metric> = births.iter().flat_map(|birth| &birth.metrics).collect();

    let mut tree = Builder::default();
    tree.open(Key::None, Value::Object(0), "", 0)?;
    if let Some(ms) = payload.timestamp {
        tree.leaf(name("timestamp"), Value::int(ms), time::iso(ms.into()).unwrap_or_default());
    }
    if let Some(seq) = payload.seq {
        tree.leaf(name("seq"), Value::int(seq), "");
    }
    if let Some(uuid) = &payload.uuid {
        tree.leaf(name("uuid"), Value::text(uuid), "");
    }
    metrics(&payload.metrics, &known, &mut tree)?;
    if let Some(body) = payload.body {
        tree.leaf(name("body"), Value::Bytes(body), "");
    }
    Ok(tree.finish())
}

fn metrics(metrics: &[Metric], known: &[&Metric], tree: &mut Builder) -> Result<(), Problem> {
    tree.open(name("metrics"), Value::Object(0), "", 0)?;
    for metric in metrics {
        if tree.is_full() {
            break;
        }
        self::metric(metric, known, tree)?;
    }
    tree.close();
    let with_properties: Vec<_> =
        metrics.iter().filter_map(|metric| Some((metric, metric.properties.as_ref()?))).collect();
    if !with_properties.is_empty() {
        tree.open(name("properties"), Value::Object(0), "", 0)?;
        for (metric, set) in with_properties {
            property_set(set, metric_key(metric, born(metric, known)), tree)?;
        }
        tree.close();
    }
    Ok(())
}

/// The metric as its BIRTH has it.
fn born<'m>(metric: &Metric, known: &[&'m Metric]) -> Option<&'m Metric> {
    known.iter().copied().find(|born| match (&metric.name, metric.alias) {
        (Some(name), _) => born.name.as_ref() == Some(name),
        (None, Some(alias)) => born.alias == Some(alias),
        (None, None) => false,
    })
}

fn metric_key(metric: &Metric, born: Option<&Metric>) -> Key {
    match (metric.name.as_ref().or(born.and_then(|born| born.name.as_ref())), metric.alias) {
        (Some(text), _) => name(text),
        (None, Some(alias)) => Key::Other(format!("alias {alias}").into()),
        (None, None) => Key::Other("?".into()),
    }
}

fn metric(metric: &Metric, known: &[&Metric], tree: &mut Builder) -> Result<(), Problem> {
    let born = born(metric, known);
    let key = metric_key(metric, born);
    let datatype = metric.datatype.or(born.and_then(|born| born.datatype)).unwrap_or(0);
    let mut notes = Vec::new();
    if datatype != 0 {
        notes.push(datatype::name(datatype));
    }
    if let (Some(alias), true) = (metric.alias, matches!(key, Key::Name(_))) {
        notes.push(format!("alias {alias}"));
    }
    for (flag, word) in [(metric.is_historical, "historical"), (metric.is_transient, "transient")] {
        if flag == Some(true) {
            notes.push(word.to_owned());
        }
    }
    let leaf = match &metric.value {
        _ if metric.is_null == Some(true) => Value::Word("null".into()),
        None => Value::Word("undefined".into()),
        Some(MetricValue::Int(bits)) => datatype::int(*bits, datatype),
        Some(MetricValue::Long(bits)) => datatype::long(*bits, datatype),
        Some(MetricValue::Float(n)) => Value::single(*n),
        Some(MetricValue::Double(n)) => Value::float(*n),
        Some(MetricValue::Boolean(value)) => Value::bool(*value),
        Some(MetricValue::String(text)) => Value::text(text),
        Some(MetricValue::Bytes(bytes)) => match datatype::array(bytes, datatype) {
            Some(elements) => return list(key, elements, &notes.join(" · "), tree),
            None => Value::Bytes(bytes.clone()),
        },
        Some(MetricValue::DataSet(set)) => return data_set(set, key, &notes.join(" · "), tree),
        Some(MetricValue::Template(inner)) => return template(inner, known, key, &notes.join(" · "), tree),
    };
    notes.extend(datatype::moment(&leaf, datatype));
    tree.leaf(key, leaf, notes.join(" · "));
    Ok(())
}

fn list(key: Key, elements: Vec<Value>, note: &str, tree: &mut Builder) -> Result<(), Problem> {
    tree.open(key, Value::List(0), note, 0)?;
    for (i, element) in elements.into_iter().enumerate() {
        tree.leaf(Key::Index(i), element, "");
    }
    tree.close();
    Ok(())
}

/// A table: a list of rows with the columns' names.
fn data_set(set: &DataSet, key: Key, note: &str, tree: &mut Builder) -> Result<(), Problem> {
    tree.open(key, Value::List(0), note, 0)?;
    for (i, row) in set.rows.iter().enumerate() {
        tree.open(Key::Index(i), Value::Object(0), "", 0)?;
        for (column, element) in row.elements.iter().enumerate() {
            let datatype = set.types.get(column).copied().unwrap_or(0);
            let key = set.columns.get(column).map_or(Key::Index(column), |text| name(text));
            let value = match &element.value {
                None => Value::Word("null".into()),
                Some(Scalar::Int(bits)) => datatype::int(*bits, datatype),
                Some(Scalar::Long(bits)) => datatype::long(*bits, datatype),
                Some(Scalar::Float(n)) => Value::single(*n),
                Some(Scalar::Double(n)) => Value::float(*n),
                Some(Scalar::Boolean(value)) => Value::bool(*value),
                Some(Scalar::String(text)) => Value::text(text),
            };
            tree.leaf(key, value, "");
        }
        tree.close();
    }
    tree.close();
    Ok(())
}

fn template(
    inner: &Template,
    known: &[&Metric],
    key: Key,
    note: &str,
    tree: &mut Builder,
) -> Result<(), Problem> {
    tree.open(key, Value::Object(0), note, 0)?;
    for (what, text) in [("templateRef", &inner.template_ref), ("version", &inner.version)] {
        if let Some(text) = text {
            tree.leaf(name(what), Value::text(text), "");
        }
    }
    if inner.is_definition == Some(true) {
        tree.leaf(name("isDefinition"), Value::bool(true), "");
    }
    if !inner.parameters.is_empty() {
        tree.open(name("parameters"), Value::Object(0), "", 0)?;
        for parameter in &inner.parameters {
            let datatype = parameter.datatype.unwrap_or(0);
            let value = match &parameter.value {
                None => Value::Word("null".into()),
                Some(ParameterValue::Int(bits)) => datatype::int(*bits, datatype),
                Some(ParameterValue::Long(bits)) => datatype::long(*bits, datatype),
                Some(ParameterValue::Float(n)) => Value::single(*n),
                Some(ParameterValue::Double(n)) => Value::float(*n),
                Some(ParameterValue::Boolean(value)) => Value::bool(*value),
                Some(ParameterValue::String(text)) => Value::text(text),
            };
            tree.leaf(name(parameter.name.as_deref().unwrap_or("?")), value, datatype::name(datatype));
        }
        tree.close();
    }
    metrics(&inner.metrics, known, tree)?;
    tree.close();
    Ok(())
}

fn property_set(set: &PropertySet, key: Key, tree: &mut Builder) -> Result<(), Problem> {
    tree.open(key, Value::Object(0), "", 0)?;
    for (text, property) in set.keys.iter().zip(&set.values) {
        let datatype = property.datatype.unwrap_or(0);
        let leaf = match &property.value {
            _ if property.is_null == Some(true) => Value::Word("null".into()),
            None => Value::Word("undefined".into()),
            Some(PropertyKind::Int(bits)) => datatype::int(*bits, datatype),
            Some(PropertyKind::Long(bits)) => datatype::long(*bits, datatype),
            Some(PropertyKind::Float(n)) => Value::single(*n),
            Some(PropertyKind::Double(n)) => Value::float(*n),
            Some(PropertyKind::Boolean(value)) => Value::bool(*value),
            Some(PropertyKind::String(text)) => Value::text(text),
            Some(PropertyKind::Set(inner)) => {
                property_set(inner, name(text), tree)?;
                continue;
            }
            Some(PropertyKind::Sets(inner)) => {
                tree.open(name(text), Value::List(0), "", 0)?;
                for (i, set) in inner.sets.iter().enumerate() {
                    property_set(set, Key::Index(i), tree)?;
                }
                tree.close();
                continue;
            }
        };
        tree.leaf(name(text), leaf, datatype::name(datatype));
    }
    tree.close();
    Ok(())
}

fn name(text: &str) -> Key {
    Key::Name(escape(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: Option<&str>, alias: Option<u64>, datatype: Option<u32>, value: MetricValue) -> Metric {
        Metric { name: name.map(str::to_owned), alias, datatype, value: Some(value), ..Metric::default() }
    }

    fn payload(metrics: Vec<Metric>) -> Vec<u8> {
        Payload { timestamp: Some(1000), seq: Some(3), metrics, ..Payload::default() }.encode_to_vec()
    }

    #[test]
    fn aliases_are_remembered_from_the_birth() {
        let birth = payload(vec![
            metric(Some("Node/Temp"), Some(5), Some(9), MetricValue::Float(20.0)),
            metric(Some("Count"), Some(6), Some(1), MetricValue::Int(0)),
        ]);
        let data = payload(vec![
            metric(None, Some(5), None, MetricValue::Float(21.5)),
            metric(None, Some(6), None, MetricValue::Int(0xff)),
            metric(None, Some(7), None, MetricValue::Boolean(true)),
        ]);
        let tree = decode(&data, &[&birth]).unwrap();
        let expected = "{\n  \"timestamp\": 1000,\n  \"seq\": 3,\n  \"metrics\": {\n    \"Node/Temp\": 21.5,\n    \
                        \"Count\": -1,\n    alias 7: true\n  }\n}";
        assert_eq!(tree.pretty(), expected);
        assert_eq!(&*tree.nodes[4].note, "Float · alias 5");
        assert_eq!(&*tree.nodes[1].note, "1970-01-01T00:00:01.000Z");
        let alone = decode(&data, &[]).unwrap();
        assert!(alone.pretty().contains("alias 5: 21.5"));
    }

    #[test]
    fn tables_templates_properties_and_moments() {
        let table = DataSet {
            columns: vec!["a".into(), "b".into()],
            types: vec![1, 12],
            rows: vec![wire::Row {
                elements: vec![
                    wire::Element { value: Some(Scalar::Int(0xff)) },
                    wire::Element { value: Some(Scalar::String("x".into())) },
                ],
            }],
        };
        let template = Template {
            template_ref: Some("T".into()),
            metrics: vec![self::metric(Some("in"), None, Some(3), MetricValue::Int(7))],
            ..Template::default()
        };
        let unit = wire::PropertyValue {
            datatype: Some(12),
            value: Some(PropertyKind::String("°C".into())),
            ..wire::PropertyValue::default()
        };
        let mut with_unit = metric(Some("when"), None, Some(13), MetricValue::Long(1000));
        with_unit.properties = Some(PropertySet { keys: vec!["unit".into()], values: vec![unit] });
        let tree = decode(
            &payload(vec![
                metric(Some("table"), None, Some(16), MetricValue::DataSet(table)),
                metric(Some("t"), None, Some(19), MetricValue::Template(template)),
                with_unit,
                Metric { name: Some("none".into()), is_null: Some(true), ..Metric::default() },
                metric(Some("list"), None, Some(22), MetricValue::Bytes(b"\x01\xff"[..].into())),
            ]),
            &[],
        )
        .unwrap();
        let flat = tree.pretty().split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            r#""table": [ { "a": -1, "b": "x" } ]"#,
            r#""t": { "templateRef": "T", "metrics": { "in": 7 } }"#,
            r#""none": null"#,
            r#""list": [ 1, -1 ]"#,
            r#""properties": { "when": { "unit": "°C" } }"#,
        ] {
            assert!(flat.contains(part), "{part} in {flat}");
        }
        assert!(tree.nodes.iter().any(|node| &*node.note == "DateTime · 1970-01-01T00:00:01.000Z"));
    }

    #[test]
    fn what_is_not_sparkplug() {
        assert_eq!(decode(b"\x08", &[]), Err(Problem::new(1, What::Ends)));
        assert!(decode(b"\x0a\x02ab", &[]).is_err());
        assert_eq!(decode(b"", &[]).unwrap().nodes.len(), 2);
    }

    #[test]
    fn topics() {
        assert_eq!(birth_topics("spBv1.0/g/NDATA/n"), ["spBv1.0/g/NBIRTH/n"]);
        assert_eq!(birth_topics("spBv1.0/g/DDATA/n/d"), ["spBv1.0/g/DBIRTH/n/d", "spBv1.0/g/NBIRTH/n"]);
        assert!(birth_topics("spBv1.0/g/NBIRTH/n").is_empty());
        assert!(is_birth("spBv1.0/g/DBIRTH/n/d") && !is_birth("spBv1.0/g/NDATA/n"));
    }
}
