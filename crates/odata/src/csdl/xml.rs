//! A writer of small XML documents, indented by two blanks.

/// Writes elements one inside the other.
pub(super) struct Writer {
    text: String,
    /// The elements that are open, outermost first.
    open: Vec<&'static str>,
}

impl Writer {
    /// A document with its declaration.
    pub(super) fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".to_owned(),
            open: Vec::new(),
        }
    }

    /// Begins an element.
    pub(super) fn open(&mut self, element: &'static str, attributes: &[(&str, &str)]) {
        self.tag(element, attributes, ">\n");
        self.open.push(element);
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, element: &'static str, attributes: &[(&str, &str)]) {
        self.tag(element, attributes, "/>\n");
    }

    /// Ends the innermost open element.
    pub(super) fn close(&mut self) {
        if let Some(element) = self.open.pop() {
            self.indent();
            self.text.extend(["</", element, ">\n"]);
        }
    }

    /// Ends all elements; the document.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn tag(&mut self, element: &str, attributes: &[(&str, &str)], end: &str) {
        self.indent();
        self.text.extend(["<", element]);
        for (name, value) in attributes {
            self.text.extend([" ", name, "=\""]);
            self.text.push_str(&escaped(value));
            self.text.push('"');
        }
        self.text.push_str(end);
    }

    fn indent(&mut self) {
        self.text.extend(self.open.iter().map(|_| "  "));
    }
}

/// A value as it may stand between double quotes.
fn escaped(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
