package parser

// TokenKind is what the tokenizer makes of a stretch of text.
type TokenKind uint8

// The kinds of tokens.
const (
	End     TokenKind = iota // the end of the text
	Word                     // an unquoted identifier or keyword
	Quoted                   // a quoted identifier: `x`, and "x" under ANSI_QUOTES
	Int                      // 12
	Decimal                  // 1.5, .5, 1.
	Float                    // 1e5
	Hex                      // 0x1F
	HexStr                   // x'1F'
	Bit                      // 0b01
	BitStr                   // b'01'
	String                   // 'x', and "x" without ANSI_QUOTES
	NString                  // N'x'
	Param                    // ?
	UserVar                  // @x, @'x', @`x`, with the @
	SysVar                   // @@: the name's words and dots follow as tokens
	Op                       // an operator or punctuation, one to three bytes
)

// Span is a range of bytes [Start, End) of the statement's text. The zero Span means "not there".
type Span struct{ Start, End int }

// Present reports whether the span is there.
func (s Span) Present() bool { return s.End > s.Start }

// Len is the span's length in bytes.
func (s Span) Len() int { return s.End - s.Start }

// In gives the bytes of text under the span.
func (s Span) In(text string) string { return text[s.Start:s.End] }

// Token is one significant token: comments and spaces are none, the code inside an executable comment is.
type Token struct {
	Span
	Kind  TokenKind
	Depth int    // parentheses open around it; a parenthesis has the depth outside of it
	Word  string // of a Word: in upper case; of an Op: its text; else ""
	Arg   int    // index in Args of the literal it belongs to, -1
	Exec  bool   // stands inside an executable comment
}

// Is reports whether t is the unquoted word or the operator w (upper case).
func (t Token) Is(w string) bool { return t.Word == w && (t.Kind == Word || t.Kind == Op) }

// Ident reports whether t can be an identifier: a quoted one, or any word.
func (t Token) Ident() bool { return t.Kind == Word || t.Kind == Quoted }
