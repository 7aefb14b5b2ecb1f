//! What is wrong with a payload, said to whoever looks at it.

/// A language in which problems are said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// 简体中文.
    Zh,
}

/// A payload is not what it was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The byte at which it stops making sense, from 0.
    pub at: usize,
    /// What is the matter there.
    pub what: What,
}

/// What is the matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It ends in the middle of a value.
    Ends,
    /// These bytes mean nothing in this format.
    Invalid,
    /// It is nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    TooDeep,
    /// A text is not UTF-8.
    NotText,
    /// It is not compressed like this, or damaged.
    NotPacked,
    /// An element is closed that is not open, or the other way round.
    Unbalanced,
    /// It is none of the pictures that a browser shows.
    NotAPicture,
    /// There is no such message in the schema.
    NoSuchMessage(String),
    /// The schema cannot be compiled; in the compiler's own words.
    Schema(String),
}

impl Problem {
    pub(crate) fn new(at: usize, what: What) -> Problem {
        Problem { at, what }
    }

    /// As a sentence.
    pub fn sentence(&self, language: Language) -> String {
        let at = self.at;
        match (language, &self.what) {
            (Language::En, What::Ends) => format!("It ends in the middle of a value, at byte {at}."),
            (Language::Zh, What::Ends) => format!("数据在第 {at} 字节处不完整地结束。"),
            (Language::En, What::Invalid) => format!("It stops making sense at byte {at}."),
            (Language::Zh, What::Invalid) => format!("第 {at} 字节处无法解释。"),
            (Language::En, What::TooDeep) => format!("It is nested too deep to be shown, from byte {at} on."),
            (Language::Zh, What::TooDeep) => format!("从第 {at} 字节起嵌套过深，无法显示。"),
            (Language::En, What::NotText) => format!("A text is not UTF-8, at byte {at}."),
            (Language::Zh, What::NotText) => format!("第 {at} 字节处的文本不是 UTF-8。"),
            (Language::En, What::NotPacked) => "It is not compressed like this, or damaged.".into(),
            (Language::Zh, What::NotPacked) => "数据不是此压缩格式，或已损坏。".into(),
            (Language::En, What::Unbalanced) => {
                format!("An element is not closed where it should be, at byte {at}.")
            }
            (Language::Zh, What::Unbalanced) => format!("第 {at} 字节处的元素没有正确闭合。"),
            (Language::En, What::NotAPicture) => "It is not a PNG, JPEG, GIF, WebP or SVG picture.".into(),
            (Language::Zh, What::NotAPicture) => "这不是 PNG、JPEG、GIF、WebP 或 SVG 图片。".into(),
            (Language::En, What::NoSuchMessage(name)) => format!("The schema has no message {name}."),
            (Language::Zh, What::NoSuchMessage(name)) => format!("模式中没有消息 {name}。"),
            (Language::En, What::Schema(words)) => format!("The schema cannot be compiled: {words}"),
            (Language::Zh, What::Schema(words)) => format!("无法编译模式：{words}"),
        }
    }
}
