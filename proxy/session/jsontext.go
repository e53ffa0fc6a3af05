package session

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// MySQL's JSON values have types that their texts do not tell: a DECIMAL reads back as a DOUBLE, a TIME or a byte string as
// a string. Where that shows, in the text or in the order, the value cannot go to another server as its text.

// tellsJSON refuses the rows of a temporary table whose JSON values would be others there.
func tellsJSON(columns []sqltypes.Column, row sqltypes.Row) error {
	for i, cell := range row {
		if i < len(columns) && columns[i].Type == sqltypes.JSON && cell != nil && !jsonTells(cell) {
			return sqlerr.NotSupported("a JSON value with a DECIMAL, a TIME or a byte string in it, over several shards")
		}
	}
	return nil
}

// jsonOpaque is how MySQL writes a TIME and a byte string within JSON, without the quotes.
var jsonOpaque = regexp.MustCompile(`^(-?\d{2,3}:\d\d:\d\d\.\d{6}|base64:type\d+:.*)$`)

// jsonTells reports whether a server that reads what another has written of a JSON value has the same one.
func jsonTells(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			end := i + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(text) || jsonOpaque.Match(text[i+1:end]) {
				return false
			}
			i = end
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(text) && bytes.IndexByte([]byte("+-.eE0123456789"), text[end]) >= 0 {
				end++
			}
			if !jsonNumber(string(text[i:end])) {
				return false
			}
			i = end - 1
		}
	}
	return true
}

// jsonNumber reports whether a number is written as it would be after it has been read.
func jsonNumber(text string) bool {
	if !strings.ContainsAny(text, ".eE") {
		_, err := strconv.ParseInt(text, 10, 64)
		_, also := strconv.ParseUint(text, 10, 64)
		return err == nil || also == nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "eE") { // so only a DOUBLE is written
		return err == nil
	}
	again := strconv.FormatFloat(f, 'f', -1, 64)
	if f == math.Trunc(f) {
		again += ".0"
	}
	return again == text
}

// resultsCharset is the charset in which servers send texts to the session.
func (s *Session) resultsCharset() string {
	name, set := s.state.Var("character_set_results")
	switch name = plainText(name); {
	case !set && s.srv.Initial.Charset != "":
		return s.srv.Initial.Charset
	case !set, strings.EqualFold(name, "NULL"), strings.EqualFold(name, "binary"):
		return "utf8mb4" // JSON's own
	}
	return name
}
