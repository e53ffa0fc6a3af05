package rule

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// The YAML library takes time that grows with the square of a mapping's entries. Long block mappings below a document's top
// level, which tables are, are therefore read in pieces and put together again. A cut that was wrong (in the middle of a
// value) leaves a piece that is no YAML, and then the text is read as a whole; nothing is cut where a value may go on over lines.

// pieceLines is from how many lines on a mapping is cut, and about how long its pieces are.
const pieceLines = 256

// piece is a part of a mapping: the line of the key that it belongs to, from 1, and a text with as many lines before it as
// there are in the document, so that places are right.
type piece struct {
	header int
	text   []byte
}

var mappingKey = regexp.MustCompile(`^[A-Za-z_]+:[ \t]*(#.*)?\r?\n?$`)

// blockScalar matches a line below which text stands as it is, where nothing tells a key from text.
var blockScalar = regexp.MustCompile(`[|>][0-9+-]*[ \t]*(#.*)?\r?\n?$`)

// goesOn reports whether a value may go on in the next line at any indent: text as it stands, quotes or brackets. Where
// it cannot tell (an apostrophe in a word) it says so too.
func goesOn(line []byte) bool {
	if blockScalar.Match(line) {
		return true
	}
	quote, depth := byte(0), 0
	for i, c := range line {
		switch {
		case quote != 0:
			if c == quote && (c == '\'' || line[i-1] != '\\') {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == '#' && (i == 0 || line[i-1] == ' '):
			return depth != 0
		}
	}
	return quote != 0 || depth != 0
}

// cutLong takes the pieces out of a text, which keeps its lines.
func cutLong(text []byte) (rest []byte, pieces []piece) {
	lines := slices.Collect(bytes.Lines(text))
	for at := 0; at < len(lines); at++ {
		if !mappingKey.Match(lines[at]) {
			continue
		}
		end := at + 1
		for end < len(lines) && (blank(lines[end]) || lines[end][0] == ' ' || lines[end][0] == '#') {
			end++
		}
		if end-at > 2*pieceLines && !slices.ContainsFunc(lines[at:end], goesOn) {
			pieces = append(pieces, cutBlock(lines, at, end)...)
		}
		at = end - 1
	}
	if pieces == nil {
		return text, nil
	}
	return bytes.Join(lines, nil), pieces
}

// cutBlock takes all but the first entries of the mapping in lines[at+1:end] out.
func cutBlock(lines [][]byte, at, end int) (pieces []piece) {
	indent := -1
	var cuts []int
	for i := at + 1; i < end; i++ {
		if blank(lines[i]) {
			continue
		}
		n := len(lines[i]) - len(bytes.TrimLeft(lines[i], " "))
		if c := lines[i][n]; c == '#' || c == '\t' {
			continue
		}
		if indent < 0 {
			indent = n
		}
		if n == indent && i-at > pieceLines && (len(cuts) == 0 || i-cuts[len(cuts)-1] >= pieceLines) {
			cuts = append(cuts, i)
		}
	}
	for j, first := range cuts {
		last := end
		if j+1 < len(cuts) {
			last = cuts[j+1]
		}
		text := bytes.Repeat([]byte("\n"), first)
		for i := first; i < last; i++ {
			text = append(text, lines[i]...)
			lines[i] = []byte("\n")
		}
		pieces = append(pieces, piece{at + 1, text})
	}
	return pieces
}

func blank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

// parseText reads a text, in pieces where that saves time.
func parseText(text []byte) (*ast.File, error) {
	rest, pieces := cutLong(text)
	if len(pieces) > 0 {
		if file := together(rest, pieces); file != nil {
			return file, nil
		}
	}
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// together reads a text and its pieces; nil if they do not fit.
func together(rest []byte, pieces []piece) *ast.File {
	file, err := parser.ParseBytes(rest, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil
	}
	headers := map[int]*ast.MappingNode{}
	for _, d := range file.Docs {
		top, ok := d.Body.(*ast.MappingNode)
		if !ok {
			if one, single := d.Body.(*ast.MappingValueNode); single {
				top = &ast.MappingNode{Values: []*ast.MappingValueNode{one}}
			} else {
				continue
			}
		}
		for _, v := range top.Values {
			if m, ok := v.Value.(*ast.MappingNode); ok && !m.IsFlowStyle {
				headers[v.Key.GetToken().Position.Line] = m
			}
		}
	}
	for _, p := range pieces {
		into := headers[p.header]
		part, err := parser.ParseBytes(p.text, 0, parser.AllowDuplicateMapKey())
		if into == nil || err != nil || len(part.Docs) != 1 {
			return nil
		}
		switch body := part.Docs[0].Body.(type) {
		case *ast.MappingNode:
			if body.IsFlowStyle {
				return nil
			}
			into.Values = append(into.Values, body.Values...)
		case *ast.MappingValueNode:
			into.Values = append(into.Values, body)
		default:
			return nil
		}
	}
	return file
}
