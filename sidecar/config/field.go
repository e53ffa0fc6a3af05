package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/router/rule"
)

// Kind is the type of a field's value.
type Kind string

// The kinds. A list and a map are written as YAML sequences and mappings in the file, and as a,b and k=v,k=v in the
// environment and in flags.
const (
	Text     Kind = "text"
	Choice   Kind = "choice"
	Bool     Kind = "boolean"
	Int      Kind = "integer"
	Bytes    Kind = "size"
	Duration Kind = "duration"
	Address  Kind = "address"
	Path     Kind = "path"
	Ref      Kind = "secret reference"
	List     Kind = "list"
	Map      Kind = "map"
)

// Field is one row of the table.
type Field struct {
	Name    string   // dotted path in the file
	Kind    Kind     // of the value, or of the items of a list
	List    bool     // the value is a list of Kind
	Default string   // as it would be written in the environment; "" means unset
	Unit    string   // what a number counts; "" where the kind says it
	Reload  bool     // a change takes effect without a restart
	Choices []string // of a Choice
	Min     int64    // smallest number, size in bytes or duration in nanoseconds
	Max     int64    // largest; 0: no bound
	Doc     string   // one or two sentences
	Example string   // for the sample, where there is no default

	auto func() string     // the default where the machine decides it; then Default is ""
	at   func(*Config) any // the pointer to the value
}

// Env is the name of the environment variable: HEDDLE_ETCD_TLS_CA for etcd.tls.ca.
func (f *Field) Env() string {
	return "HEDDLE_" + strings.ToUpper(strings.ReplaceAll(f.Name, ".", "_"))
}

// Flag is the name of the command-line flag, without dashes: etcd-tls-ca.
func (f *Field) Flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(f.Name) }

// TypeName is the type as the documentation and the error messages name it.
func (f *Field) TypeName() string {
	name := string(f.Kind)
	if f.Kind == Choice {
		name = strings.Join(f.Choices, " | ")
	}
	if f.List {
		name = "list of " + name
	}
	return name
}

// raw is a value as it was written: one text, a list of texts or a mapping, by the shape of the field.
type raw struct {
	text  string
	items []string
	pairs map[string]string
}

// fromText splits the one-line form that flags, environment and defaults have.
func (f *Field) fromText(text string) (raw, error) {
	switch {
	case f.List:
		return raw{items: splitList(text)}, nil
	case f.Kind == Map:
		pairs := map[string]string{}
		for _, item := range splitList(text) {
			k, v, ok := strings.Cut(item, "=")
			if !ok || k == "" {
				return raw{}, fmt.Errorf("%q is not name=value", item)
			}
			pairs[k] = v
		}
		return raw{pairs: pairs}, nil
	}
	return raw{text: text}, nil
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// set parses r and stores it in c. The error says what is wrong with the value but not whose it is; see describe.
func (f *Field) set(c *Config, r raw) error {
	for _, item := range r.items {
		if _, err := f.parse(item); err != nil {
			return err
		}
	}
	switch at := f.at(c).(type) {
	case *[]string:
		*at = r.items
		return nil
	case *map[string]string:
		*at = r.pairs
		return nil
	}
	v, err := f.parse(r.text)
	if err != nil {
		return err
	}
	switch at := f.at(c).(type) {
	case *string:
		*at = v.(string)
	case *bool:
		*at = v.(bool)
	case *int:
		*at = int(v.(int64))
	case *Size:
		*at = Size(v.(int64))
	case *time.Duration:
		*at = time.Duration(v.(int64))
	case *rule.Secret:
		*at = v.(rule.Secret)
	default:
		panic("config: the table gives " + f.Name + " a type that set does not know")
	}
	return nil
}

// parse gives a string, bool, int64 or rule.Secret.
func (f *Field) parse(text string) (any, error) {
	switch f.Kind {
	case Bool:
		v, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return v, nil
	case Int, Bytes, Duration:
		return f.number(text)
	case Choice:
		if !slices.Contains(f.Choices, text) {
			return nil, fmt.Errorf("%q is not one of %s", text, strings.Join(f.Choices, ", "))
		}
	case Address:
		return text, checkAddress(text)
	case Ref:
		return parseSecret(text)
	}
	return text, nil
}

func (f *Field) number(text string) (int64, error) {
	var n int64
	var err error
	switch f.Kind {
	case Bytes:
		n, err = ParseSize(text)
	case Duration:
		var d time.Duration
		if d, err = time.ParseDuration(text); err != nil {
			err = fmt.Errorf("%q is not a duration such as 30s or 5m", text)
		}
		n = int64(d)
	default:
		if n, err = strconv.ParseInt(text, 10, 32); err != nil {
			err = fmt.Errorf("%q is not a whole number", text)
		}
	}
	if err != nil {
		return 0, err
	}
	if n < f.Min {
		return 0, fmt.Errorf("%s is less than %s", text, f.show(f.Min))
	}
	if f.Max > 0 && n > f.Max {
		return 0, fmt.Errorf("%s is more than %s", text, f.show(f.Max))
	}
	return n, nil
}

func (f *Field) show(n int64) string {
	switch f.Kind {
	case Bytes:
		return Size(n).String()
	case Duration:
		return showDuration(time.Duration(n))
	}
	return strconv.FormatInt(n, 10)
}

// describe is the sentence of a value error: field, what is wrong, type and unit.
func (f *Field) describe(err error) string {
	kind := f.TypeName()
	if f.Unit != "" {
		kind += ", in " + f.Unit
	}
	return fmt.Sprintf("%s: %v (type: %s)", f.Name, err, kind)
}

// text is the value in c in its one-line form.
func (f *Field) text(c *Config) string {
	switch at := f.at(c).(type) {
	case *string:
		return *at
	case *bool:
		return strconv.FormatBool(*at)
	case *int:
		return strconv.Itoa(*at)
	case *Size:
		return at.String()
	case *time.Duration:
		return showDuration(*at)
	case *rule.Secret:
		return string(*at)
	case *[]string:
		return strings.Join(*at, ",")
	case *map[string]string:
		var items []string
		for _, k := range slices.Sorted(maps.Keys(*at)) {
			items = append(items, k+"="+(*at)[k])
		}
		return strings.Join(items, ",")
	}
	panic("config: the table gives " + f.Name + " a type that text does not know")
}
