package config

// FlagValue is one field as a command-line flag. It has the methods of pflag.Value, so that
//
//	for _, v := range flags.All() { cmd.Flags().Var(v, v.Name(), v.Usage()) }
//
// declares all of them, and flags.Given() is what Sources wants.
type FlagValue struct {
	field *Field
	given map[string]string
}

// Flags collects what was given on one command line. The zero value is not useful: NewFlags.
type Flags struct {
	given  map[string]string
	values []*FlagValue
}

// NewFlags makes a flag for each field.
func NewFlags() *Flags {
	fs := &Flags{given: map[string]string{}}
	for _, f := range Fields() {
		fs.values = append(fs.values, &FlagValue{field: f, given: fs.given})
	}
	return fs
}

// All are the flags in the order of the table.
func (fs *Flags) All() []*FlagValue { return fs.values }

// Given maps the names of the flags that were given to their texts. A list flag given twice holds both values.
func (fs *Flags) Given() map[string]string { return fs.given }

// Name is the flag without dashes.
func (v *FlagValue) Name() string { return v.field.Flag() }

// Usage is the sentence for --help.
func (v *FlagValue) Usage() string { return v.field.Doc }

// Type is the word for the value in --help.
func (v *FlagValue) Type() string { return string(v.field.Kind) }

// String is what was given, or the default.
func (v *FlagValue) String() string {
	if v == nil || v.field == nil { // flag packages ask a zero value what it prints
		return ""
	}
	if text, ok := v.given[v.Name()]; ok {
		return text
	}
	return v.field.Default
}

// Set notes the text; Load parses it, so that all problems appear in one report.
func (v *FlagValue) Set(text string) error {
	if before, ok := v.given[v.Name()]; ok && (v.field.List || v.field.Kind == Map) {
		text = before + "," + text
	}
	v.given[v.Name()] = text
	return nil
}

// IsBoolFlag lets package flag accept --listen-tls-required without a value. For pflag set NoOptDefVal to "true"
// where this is true.
func (v *FlagValue) IsBoolFlag() bool { return v.field.Kind == Bool }
