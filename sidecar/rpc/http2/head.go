package http2

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// MaxFields is how many lines a head may have.
const MaxFields = 200

// decoder makes fields of the blocks that come in. What it keeps between blocks is 4 KiB, the protocol's own bound.
type decoder struct {
	hpack  *hpack.Decoder
	fields []Field
	size   int
	limit  int
	holds  bool // the library has the end of a block still
	long   bool // the head has more than it may: what is left of it is read, as the next one depends on it, and not kept
}

func newDecoder(limit int) *decoder {
	d := &decoder{limit: limit}
	d.hpack = hpack.NewDecoder(4096, func(f Field) {
		d.size += int(f.Size())
		if d.size > d.limit || len(d.fields) == MaxFields {
			d.long = true
			d.hpack.SetEmitEnabled(false)
			return
		}
		d.fields = append(d.fields, f)
	})
	return d
}

// read decodes a whole block. fields are valid until the next.
func (d *decoder) read(block []byte) (fields []Field, long bool, err error) {
	d.fields, d.size, d.long, d.holds = d.fields[:0], 0, false, true
	d.hpack.SetEmitEnabled(true)
	if _, err := d.hpack.Write(block); err != nil {
		return nil, false, wrong(CompressionError, "%v", err)
	}
	if err := d.hpack.Close(); err != nil {
		return nil, false, wrong(CompressionError, "%v", err)
	}
	return d.fields, d.long, nil
}

// get is a block of one field, which is in the table that never changes.
var get = []byte{0x82}

// rest has it hold nothing of a block that it has read: the library keeps the end of the last, and so the buffer that it lay in.
func (d *decoder) rest() {
	if !d.holds {
		return
	}
	d.holds = false
	d.hpack.SetEmitEnabled(false)
	_, _ = d.hpack.Write(get) // it cannot fail, and changes nothing
	_ = d.hpack.Close()       // likewise
}

// checkFields sees that fields are some (RFC 9113, sections 8.2 and 8.3) and says what is wrong, "" where nothing is. pseudo
// are the names with a colon that they may have.
func checkFields(fields []Field, pseudo ...string) string {
	var seen uint
	plain := false
	for i := range fields {
		f := &fields[i]
		if strings.HasPrefix(f.Name, ":") {
			n := slices.Index(pseudo, f.Name)
			switch {
			case n < 0:
				return "the field " + f.Name + " has no place there"
			case plain:
				return "the field " + f.Name + " is not among the first"
			case seen&(1<<n) != 0:
				return "the field " + f.Name + " is there twice"
			}
			seen |= 1 << n
		} else if plain = true; !isName(f.Name) {
			return "a field's name is none"
		}
		if !isValue(f.Value) {
			return "the field " + f.Name + " has a value that is none"
		}
		switch f.Name {
		case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			return "the field " + f.Name + " is HTTP/1's"
		case "te":
			if f.Value != "trailers" {
				return "the field te says other than trailers"
			}
		}
	}
	return ""
}

// checkRequest says what is wrong with the head of a request.
func checkRequest(fields []Field) string {
	if why := checkFields(fields, ":method", ":scheme", ":path", ":authority"); why != "" {
		return why
	}
	method, scheme, path, authority, host := "", "", "", "", ""
	for i := range fields {
		switch f := &fields[i]; f.Name {
		case ":method":
			method = f.Value
		case ":scheme":
			scheme = f.Value
		case ":path":
			path = f.Value
		case ":authority":
			authority = f.Value
		case "host":
			if host != "" && host != f.Value {
				return "there are two hosts"
			}
			host = f.Value
		}
	}
	switch {
	case !isToken(method):
		return "there is no method"
	case method == "CONNECT":
		return "no tunnels are made here"
	case scheme != "http" && scheme != "https":
		return "the scheme is neither http nor https"
	case path == "" || path[0] != '/' && (path != "*" || method != "OPTIONS"):
		return "the path does not begin with /"
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "the path has a byte that is none of a URL's"
	case authority != "" && host != "" && authority != host:
		return "there are two hosts"
	case authority == "" && host == "":
		return "there is no host"
	}
	return ""
}

// checkAnswer is the status of an answer's head, or what is wrong with it.
func checkAnswer(fields []Field) (status int, why string) {
	if why := checkFields(fields, ":status"); why != "" {
		return 0, why
	}
	if len(fields) > 0 && fields[0].Name == ":status" && len(fields[0].Value) == 3 {
		status, _ = strconv.Atoi(fields[0].Value)
	}
	if status < 100 || status > 599 || status == 101 {
		return 0, "the answer has no status"
	}
	return status, ""
}

// length is what content-length says: -1: nothing, -2: what it says is none.
func length(fields []Field) int64 {
	said := int64(-1)
	for i := range fields {
		if fields[i].Name != "content-length" {
			continue
		}
		n, err := strconv.ParseUint(fields[i].Value, 10, 62)
		if err != nil || said >= 0 && said != int64(n) || fields[i].Value[0] == '+' {
			return -2
		}
		said = int64(n)
	}
	return said
}

// isName: the tokens of RFC 9110, in lower case.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !tokens[c] || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return s != ""
}

func isToken(s string) bool {
	for i := range len(s) {
		if !tokens[s[i]] {
			return false
		}
	}
	return s != ""
}

func isValue(s string) bool {
	if s == "" {
		return true
	}
	if first, last := s[0], s[len(s)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

var tokens = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()
