package differential

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Schema is the logical database of the cases, and the plain server's schema.
const Schema = "shop"

// option applies one option of a case; false if there is none of that name.
func (c *Case) option(name string) bool {
	switch name {
	case "text":
		c.Modes = []Mode{Text}
	case "binary":
		c.Modes = []Mode{Binary}
	case "found_rows":
		c.Opts.Caps |= wire.CapFoundRows
	case "multi":
		c.Opts.Caps |= wire.CapMultiStatements
	case "eof":
		c.Opts.Drop |= wire.CapDeprecateEOF
	case "extended":
		c.Opts.Caps |= wire.CapMariaDBExtendedMetadata
	case "noschema":
		c.Opts.Schema = ""
	default:
		return false
	}
	return true
}

// options are those of the case's clients. In the text protocol they are told what changes in their sessions.
func (c *Case) options(mode Mode) ConnOptions {
	opts := c.Opts
	if mode == Text {
		opts.Caps |= wire.CapSessionTrack
	}
	return opts
}

// parseExecution reads "int 1 | str x | null", after the words keep, long=N and fetch=N where they are wanted. A line
// that is empty is an execution without parameters.
func parseExecution(text string) (Execution, error) {
	var run Execution
	for {
		word, rest, _ := strings.Cut(text, " ")
		name, value, valued := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch {
		case word == "keep":
			run.Keep = true
		case name == "long" && valued:
			run.Long = n
		case name == "fetch" && valued:
			run.Fetch = n
		default:
			return run, run.parse(text)
		}
		text = rest
	}
}

func (e *Execution) parse(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	for _, part := range strings.Split(text, " | ") {
		kind, value, _ := strings.Cut(strings.TrimLeft(part, " "), " ")
		p, err := parseParam(kind, value)
		if err != nil {
			return err
		}
		e.Params = append(e.Params, p)
	}
	return nil
}

var paramKinds = map[string]struct {
	typ  sqltypes.Type
	kind sqltypes.Kind
}{
	"tiny": {sqltypes.Tiny, sqltypes.KindInt}, "short": {sqltypes.Short, sqltypes.KindInt},
	"long": {sqltypes.Long, sqltypes.KindInt}, "int": {sqltypes.LongLong, sqltypes.KindInt},
	"float": {sqltypes.Float, sqltypes.KindDouble}, "double": {sqltypes.Double, sqltypes.KindDouble},
	"dec": {sqltypes.NewDecimal, sqltypes.KindDecimal}, "str": {sqltypes.VarString, sqltypes.KindString},
	"char": {sqltypes.String, sqltypes.KindString}, "blob": {sqltypes.Blob, sqltypes.KindBinary},
	"date": {sqltypes.Date, sqltypes.KindDate}, "datetime": {sqltypes.Datetime, sqltypes.KindDatetime},
	"timestamp": {sqltypes.Timestamp, sqltypes.KindDatetime}, "time": {sqltypes.Time, sqltypes.KindTime},
	"null": {sqltypes.Null, sqltypes.KindNull},
}

// parseParam reads one parameter; uint, ulong, ushort and utiny are unsigned, \xNN in a string or blob is a byte.
func parseParam(kind, value string) (p wire.Param, err error) {
	unsigned := kind == "uint" || kind == "ulong" || kind == "ushort" || kind == "utiny"
	k, ok := paramKinds[strings.TrimPrefix(kind, "u")]
	if !unsigned {
		k, ok = paramKinds[kind]
	}
	if !ok {
		return p, fmt.Errorf("no kind of parameter %q", kind)
	}
	p.ParamType = wire.ParamType{Type: k.typ, Unsigned: unsigned}
	switch {
	case k.kind == sqltypes.KindNull:
		p.Value = sqltypes.NullValue
		return p, nil
	case unsigned:
		var v uint64
		v, err = strconv.ParseUint(value, 10, 64)
		p.Value = sqltypes.UintValue(v)
		return p, err
	case k.kind == sqltypes.KindInt:
		var v int64
		v, err = strconv.ParseInt(value, 10, 64)
		p.Value = sqltypes.IntValue(v)
		return p, err
	case k.kind == sqltypes.KindDouble:
		var v float64
		if v, err = strconv.ParseFloat(value, 64); err != nil || math.IsInf(v, 0) {
			return p, fmt.Errorf("%q is no double", value)
		}
	}
	value, err = unescapeBytes(value)
	p.Value = sqltypes.Value{Kind: k.kind, Bytes: []byte(value)}
	return p, err
}
