//! What the rest alone takes from JavaScript: not functions of the script, which is fetched first, but descriptions.
//!
//! Most of wasm-bindgen's imports read a property or call a method, and their names are all that differs. Of what the
//! first module does not import, such an import is called what it does, and the loader makes a function of it:
//!
//! ```text
//! __wbg_getItem_49: function() { return handleError(function (arg0, arg1, arg2, arg3) {
//! const ret = arg1.getItem(getStringFromWasm0(arg2, arg3));        becomes        "call ot T getItem !"
//! var ptr1 = isLikeNone(ret) ? 0 : passStringToWasm0(ret, …
//! ```
//!
//! What it does, what it takes, what it returns, and whether errors are kept for the caller; the letters are those of
//! `loader.js`. A member of something global has that before it: `URL.createObjectURL`, `.Blob`. What is not exactly so
//! stays in the script.

use crate::names::words;

/// How wasm-bindgen's list of imports begins and ends.
const BEGINS: &str = "__proto__: null,";
const ENDS: &str = "};";

/// How the functions in it begin and end, without and with errors that are kept.
const FUNCTION: (&str, &str) = ("function(", "},");
const KEEPING: (&str, &str) = ("function() { return handleError(function (", "}, arguments); },");

/// wasm-bindgen's script in two.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Imports {
    /// Names of imports, and what they do.
    pub(crate) described: Vec<(String, String)>,
    /// Everything else.
    pub(crate) script: String,
}

impl Imports {
    /// Describes what is `wanted`, as far as that can be.
    pub(crate) fn new(script: &str, wanted: impl Fn(&str) -> bool) -> Self {
        let mut imports = Imports::default();
        let mut lines = script.lines();
        let keep = |imports: &mut Imports, lines: &[&str]| {
            lines.iter().for_each(|line| imports.script.extend([line, "\n"]));
        };
        for line in lines.by_ref() {
            keep(&mut imports, &[line]);
            if line.trim() == BEGINS {
                break;
            }
        }
        let mut function = Vec::new();
        for line in lines.by_ref() {
            function.push(line);
            let is_last = [FUNCTION.1, KEEPING.1].contains(&line.trim());
            if !is_last && line.trim() != ENDS {
                continue;
            }
            let trimmed: Vec<&str> = function.iter().map(|line| line.trim()).collect();
            match describe(&trimmed).filter(|(name, _)| wanted(name)) {
                Some((name, description)) => imports.described.push((name.to_owned(), description)),
                None => keep(&mut imports, &function),
            }
            function.clear();
            if !is_last {
                break;
            }
        }
        keep(&mut imports, &function);
        lines.for_each(|line| keep(&mut imports, &[line]));
        imports
    }
}

/// An import's name, and what it does.
fn describe<'s>(function: &[&'s str]) -> Option<(&'s str, String)> {
    let (first, body) = function.split_first()?;
    let (last, body) = body.split_last()?;
    let (name, head) = first.split_once(": ")?;
    let (head, catches) = match head.strip_prefix(KEEPING.0) {
        Some(head) if *last == KEEPING.1 => (head, " !"),
        None if *last == FUNCTION.1 => (head.strip_prefix(FUNCTION.0)?, ""),
        _ => return None,
    };
    let params = head.strip_suffix(") {")?.split(", ").filter(|param| !param.is_empty()).count();
    let (result, expression) = result(body)?;
    // Where a text is to be written is the first parameter.
    let mut next = usize::from(matches!(result, 't' | 'T'));
    let (how, args, path) = read(expression, &mut next)?;
    (next == params).then(|| (name, format!("{how} {args} {result} {path}{catches}")))
}

/// What is returned, and the expression that makes it.
fn result<'s>(body: &[&'s str]) -> Option<(char, &'s str)> {
    const WRITTEN: [&str; 2] = [
        "getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 1, len1, true);",
        "getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 0, ptr1, true);",
    ];
    const TEXT: &str = "passStringToWasm0(ret, wasm.__wbindgen_malloc);";
    let letter = match body {
        [
            "let result;",
            "try {",
            tried,
            "} catch (_) {",
            "result = false;",
            "}",
            "const ret = result;",
            "return ret;",
        ] => {
            return Some(('-', tried.strip_prefix("result = ")?.strip_suffix(';')?));
        }
        [only] => return Some(('-', only.strip_suffix(';')?)),
        [_, "return ret;"] => '-',
        [_, "return isLikeNone(ret) ? 0 : addToExternrefTable0(ret);"] => 'o',
        [_, "return isLikeNone(ret) ? Number.MAX_SAFE_INTEGER : (ret) >>> 0;"] => 'u',
        [_, text, "const len1 = WASM_VECTOR_LEN;", written @ ..] if *written == WRITTEN => {
            (text.strip_prefix("const ptr1 = ")? == TEXT).then_some('t')?
        }
        [_, text, "var len1 = WASM_VECTOR_LEN;", written @ ..] if *written == WRITTEN => {
            (text.strip_prefix("var ptr1 = isLikeNone(ret) ? 0 : ")? == TEXT).then_some('T')?
        }
        _ => return None,
    };
    Some((letter, body.first()?.strip_prefix("const ret = ")?.strip_suffix(';')?))
}

/// What is done, the letters of what it takes, and to which member. `next` is the next parameter.
fn read(expression: &str, next: &mut usize) -> Option<(&'static str, String, String)> {
    let receiver = format!("arg{next}");
    if let Some(class) = expression.strip_prefix(&format!("{receiver} instanceof ")) {
        *next += 1;
        return Some(("is", "o".to_owned(), is_name(class)?.to_owned()));
    }
    if let Some(seen) = expression.strip_prefix("typeof ") {
        let (name, same) = seen.split_once(" === 'undefined' ? undefined : ")?;
        return (name == same).then_some(("get", String::new(), format!(".{}", is_name(name)?)));
    }
    if let Some(made) = expression.strip_prefix("new ") {
        let (class, args) = called(made)?;
        return Some(("new", arguments(args, next)?, format!(".{}", is_name(class)?)));
    }
    if let Some(place) = expression.strip_prefix(&format!("{receiver}[")) {
        *next += 1;
        return Some(("at", format!("o{}", arguments(place.strip_suffix(']')?, next)?), String::new()));
    }
    let Some(member) = expression.strip_prefix(&format!("{receiver}.")) else {
        let (path, args) = called(expression)?;
        let (owner, member) = path.split_once('.')?;
        return Some(("call", arguments(args, next)?, format!("{}.{}", is_name(owner)?, is_name(member)?)));
    };
    *next += 1;
    if let Some((member, value)) = member.split_once(" = ") {
        return Some(("set", format!("o{}", arguments(value, next)?), is_name(member)?.to_owned()));
    }
    match called(member) {
        Some((member, args)) => {
            Some(("call", format!("o{}", arguments(args, next)?), is_name(member)?.to_owned()))
        }
        None => Some(("get", "o".to_owned(), is_name(member)?.to_owned())),
    }
}

/// What is called, and with what.
fn called(expression: &str) -> Option<(&str, &str)> {
    expression.strip_suffix(')')?.split_once('(')
}

fn is_name(text: &str) -> Option<&str> {
    let mut words = words(text);
    (words.next() == Some((true, text))).then_some(text)
}

/// The letters of arguments, which are all the parameters from `next` on, in their order.
fn arguments(mut list: &str, next: &mut usize) -> Option<String> {
    let mut letters = String::new();
    while !list.is_empty() {
        let (one, two) = (format!("arg{next}"), format!("arg{}", *next + 1));
        let forms = [
            ('t', 2, format!("getStringFromWasm0({one}, {two})")),
            ('T', 2, format!("{one} === 0 ? undefined : getStringFromWasm0({one}, {two})")),
            ('b', 2, format!("getArrayU8FromWasm0({one}, {two})")),
            ('u', 1, format!("{one} >>> 0")),
            ('l', 1, format!("{one} !== 0")),
            ('o', 1, one),
        ];
        let (letter, params, rest) = forms.iter().find_map(|(letter, params, form)| {
            let rest = list.strip_prefix(form.as_str())?;
            Some((letter, params, if rest.is_empty() { rest } else { rest.strip_prefix(", ")? }))
        })?;
        letters.push(*letter);
        *next += params;
        list = rest;
    }
    Some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The description of a function of one line, and of one that keeps errors.
    fn check(params: &str, body: &str, expected: Option<&str>) {
        let with = |head: &str, last: &str| {
            let function = format!("f: {head}{params}) {{\n{body}\n{last}");
            let lines: Vec<&str> = function.lines().collect();
            describe(&lines).map(|(name, description)| {
                assert_eq!(name, "f");
                description
            })
        };
        assert_eq!(with(FUNCTION.0, FUNCTION.1).as_deref(), expected, "{body}");
        let keeping = expected.map(|expected| format!("{expected} !"));
        assert_eq!(with(KEEPING.0, KEEPING.1), keeping, "{body}");
        assert_eq!(with(FUNCTION.0, KEEPING.1), None);
    }

    #[test]
    fn functions_are_described() {
        check("arg0", "const ret = arg0.altKey;\nreturn ret;", Some("get o - altKey"));
        check("arg0, arg1", "arg0.checked = arg1 !== 0;", Some("set ol - checked"));
        check("arg0, arg1", "arg0.width = arg1 >>> 0;", Some("set ou - width"));
        check("arg0", "arg0.fill();", Some("call o - fill"));
        check(
            "arg0, arg1, arg2, arg3, arg4",
            "arg0.fillText(getStringFromWasm0(arg1, arg2), arg3, arg4);",
            Some("call otoo - fillText"),
        );
        check(
            "arg0, arg1, arg2, arg3",
            "arg0.put(arg1 === 0 ? undefined : getStringFromWasm0(arg1, arg2), arg3);",
            Some("call oTo - put"),
        );
        check(
            "arg0, arg1",
            "const ret = new Uint8Array(getArrayU8FromWasm0(arg0, arg1));\nreturn ret;",
            Some("new b - .Uint8Array"),
        );
        check("arg0, arg1", "const ret = arg0[arg1 >>> 0];\nreturn ret;", Some("at ou - "));
        check(
            "",
            "const ret = typeof self === 'undefined' ? undefined : self;\nreturn ret;",
            Some("get  - .self"),
        );
        check("", "const ret = new Error();\nreturn ret;", Some("new  - .Error"));
        check("arg0", "const ret = Array.isArray(arg0);\nreturn ret;", Some("call o - Array.isArray"));
    }

    #[test]
    fn results_are_described() {
        check(
            "arg0",
            "const ret = arg0.body;\nreturn isLikeNone(ret) ? 0 : addToExternrefTable0(ret);",
            Some("get o o body"),
        );
        check(
            "arg0",
            "const ret = arg0.key;\nreturn isLikeNone(ret) ? Number.MAX_SAFE_INTEGER : (ret) >>> 0;",
            Some("get o u key"),
        );
        let text = |ptr: &str| {
            format!(
                "const ret = arg1.get(getStringFromWasm0(arg2, arg3));\n{ptr}passStringToWasm0(ret, wasm.__wbindgen_malloc);\n{} len1 = WASM_VECTOR_LEN;\n\
                 getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 1, len1, true);\n\
                 getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * 0, ptr1, true);",
                ptr.split_once(' ').unwrap().0
            )
        };
        let params = "arg0, arg1, arg2, arg3";
        check(params, &text("const ptr1 = "), Some("call ot t get"));
        check(params, &text("var ptr1 = isLikeNone(ret) ? 0 : "), Some("call ot T get"));
        check(
            "arg0",
            "let result;\ntry {\nresult = arg0 instanceof Blob;\n} catch (_) {\nresult = false;\n}\nconst ret = \
             result;\nreturn ret;",
            Some("is o - Blob"),
        );
    }

    #[test]
    fn what_is_not_exactly_so_stays() {
        check("arg0", "const ret = !arg0;\nreturn ret;", None);
        check("arg0, arg1", "arg0.f(arg1);\narg0.g();", None);
        check("arg0, arg1", "arg0.f(arg1, arg0);", None);
        check("arg0, arg1", "arg0.f(arg1 + 1);", None);
        check("arg0, arg1", "arg0.f();", None);
        check("arg0, arg1", "arg0.a.b(arg1);", None);
        check("arg0, arg1", "arg1.f(arg0);", None);
        check("arg0", "const ret = makeMutClosure(arg0);\nreturn ret;", None);
    }

    #[test]
    fn a_script_is_divided() {
        let function = |name: &str| format!("{name}: function(arg0) {{\narg0.{name}();\n}},\n");
        let script = |functions: &str| {
            format!("let a;\nconst import0 = {{\n__proto__: null,\n{functions}}};\nlet b;\n")
        };
        let all = script(&["e", "f", "g"].map(function).concat());
        let imports = Imports::new(&all, |name| name != "f");
        assert_eq!(imports.script, script(&function("f")));
        let described = ["e", "g"].map(|name| (name.to_owned(), format!("call o - {name}")));
        assert_eq!(imports.described, described);
        assert_eq!(Imports::new(&all, |_| false), Imports { described: Vec::new(), script: all });
    }
}
