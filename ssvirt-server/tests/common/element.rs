//! XML as a tree, without its namespaces.

use quick_xml::{
    Reader,
    escape::unescape,
    events::{BytesStart, Event},
};

/// An element.
#[derive(Clone, Debug, Default)]
pub struct Element {
    /// The local name.
    pub name: String,
    /// The attributes by local name.
    pub attrs: Vec<(String, String)>,
    /// The text directly in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_owned()
}

fn open(tag: &BytesStart<'_>) -> Element {
    let attrs = tag.attributes().filter_map(|attribute| {
        let attribute = attribute.expect("an attribute");
        let name: &str = attribute.key.as_ref();
        let value = unescape(&attribute.value).expect("a value").into_owned();
        (name != "xmlns" && !name.starts_with("xmlns:")).then(|| (local(name), value))
    });
    let name: &str = tag.name().into_inner();
    Element { name: local(name), attrs: attrs.collect(), ..Element::default() }
}

impl Element {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text);
        let mut stack = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(tag) => stack.push(open(&tag)),
                Event::Empty(tag) => {
                    let element = open(&tag);
                    stack.last_mut().ok_or("unbalanced")?.children.push(element);
                }
                Event::End(_) => {
                    let element = stack.pop().ok_or("unbalanced")?;
                    stack.last_mut().ok_or("unbalanced")?.children.push(element);
                }
                Event::Text(text) => {
                    stack
                        .last_mut()
                        .ok_or("unbalanced")?
                        .text
                        .push_str(text.xml10_content().trim());
                }
                Event::GeneralRef(reference) => {
                    let text = format!("&{};", &*reference.into_inner());
                    let text = unescape(&text).map_err(|error| error.to_string())?.into_owned();
                    stack.last_mut().ok_or("unbalanced")?.text.push_str(&text);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let mut document = stack.pop().ok_or("unbalanced")?;
        if !stack.is_empty() || document.children.len() != 1 {
            return Err("not one root element".to_owned());
        }
        document.children.pop().ok_or_else(|| "empty".to_owned())
    }

    /// An attribute; empty if there is none.
    pub fn attr(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// An attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first child of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of this name.
    #[track_caller]
    pub fn child(&self, name: &str) -> &Self {
        self.find(name).unwrap_or_else(|| panic!("there is no {name} in {self:?}"))
    }

    /// All children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The rels of its links.
    pub fn rels(&self) -> Vec<&str> {
        self.all("Link").map(|link| link.attr("rel")).collect()
    }

    /// The href of its link with this rel.
    #[track_caller]
    pub fn link(&self, rel: &str) -> &str {
        let link = self.all("Link").find(|link| link.attr("rel") == rel);
        link.unwrap_or_else(|| panic!("there is no link {rel} in {self:?}")).attr("href")
    }

    /// Calls for itself and everything in it.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }
}
