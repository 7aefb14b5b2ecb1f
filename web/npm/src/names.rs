//! Names that are not known. serde-wasm-bindgen asks an object for the names that it knows and never sees the others, so a
//! misspelt option would be lost in silence.

use js_sys::{Object, Reflect};
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use wasm_bindgen::{JsCast, JsValue};

/// Refuses an object that has a name which the struct `T` has not. What is no object is left to serde.
pub(crate) fn check<'de, T: Deserialize<'de>>(value: &JsValue) -> Result<(), String> {
    let Some(object) = value.dyn_ref::<Object>() else { return Ok(()) };
    let known = names::<T>();
    let given = Object::keys(object).iter().filter_map(|name| name.as_string()).collect::<Vec<_>>();
    match given.into_iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("unknown option '{name}', expected one of {}", known.join(", "))),
        None => Ok(()),
    }
}

/// The value of `name`, if `value` is an object that has it.
pub(crate) fn get(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &JsValue::from_str(name)).unwrap_or_default()
}

/// The names that the struct `T` takes.
pub(crate) fn names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It always fails: it only listens to what is asked for.
    let _ = T::deserialize(Listening(&mut names));
    names
}

struct Listening<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listening<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("there is nothing"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::SubscribeOptions;

    #[test]
    fn a_struct_tells_its_names() {
        let expected = ["qos", "noLocal", "retainAsPublished", "retainHandling", "subscriptionId"];
        assert_eq!(names::<SubscribeOptions>(), expected);
    }
}
