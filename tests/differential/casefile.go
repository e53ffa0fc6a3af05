package differential

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// File is one topic: tables, their data, and cases.
type File struct {
	Topic string
	Setup []string // DDL, once for each side
	Data  []string // brings the tables to their first state; again after a case that writes
	Dumps []Step   // reads the tables that Setup creates, to compare them after a case that writes
	Cases []Case
}

// Case is a sequence of statements on connections of its own. It runs once under the text protocol and, unless it says
// otherwise, once more with every statement prepared.
type Case struct {
	Name  string
	Line  int
	Steps []Step
	Opts  ConnOptions
	Modes []Mode
}

// Mode is the protocol in which a case runs.
type Mode string

// The modes.
const (
	Text   Mode = "text"
	Binary Mode = "binary"
)

// Step is one statement.
type Step struct {
	SQL    string
	Line   int
	On     string // the connection's name
	Runs   []Execution
	Expect Expect
	// Follows: it tells of the statement before; where that one is refused, this one says nothing.
	Follows bool
}

// ParseFile reads a case file. It is SQL whose statements end with a semicolon at the end of a line; lines that begin
// with "--@" direct:
//
//	--@ setup                       what follows are the tables
//	--@ data                        what follows fills them; it must work again and again
//	--@ case a name [OPTION …]      a case begins; the options are text (not in the binary protocol as well),
//	                                binary, found_rows, multi, eof (the older EOF packets), extended (MariaDB's
//	                                extended metadata), noschema
//	--@ on b                        the statements go to connection b, until the next "on" or case; the first is a
//	--@ expect CODE …               exceptions for the next statement; see ParseExpect
//	--@ always CODE …               exceptions for every statement from here on
//	--@ params int 1 | str x | …    the next statement is prepared and executed with these; once for each such line
//	--@ dump TABLE CODE …           exceptions for the table's comparison after a case that writes
//	--@ follows                     the next statement is about the one before it: not compared where that is refused
//	--@ bytes                       in the next statement \xNN stands for a byte
//	--@ mysql OLD => NEW            on MySQL's servers NEW stands for OLD in all lines that follow, as where a type or a
//	                                collation is MariaDB's alone
//
// Other comments at the beginning of a line are dropped.
//
// mysql says that the servers are MySQL's.
func ParseFile(path string, mysql bool) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parse(strings.TrimSuffix(filepath.Base(path), ".sql"), text, mysql)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return f, nil
}

type fileParser struct {
	file    *File
	section string // setup, data or case
	on      string
	next    Step // what directives have said of the statement to come
	dumps   map[string]Expect
	always  Expect // where a statement's exceptions begin
	bytes   bool
	mysql   bool
	instead []string // pairs for a Replacer
	text    strings.Builder
	start   int
}

func parse(topic string, text []byte, mysql bool) (*File, error) {
	p := &fileParser{mysql: mysql, file: &File{Topic: topic}, section: "setup", dumps: map[string]Expect{}}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if err := p.line(string(line), i+1); err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	if strings.TrimSpace(p.text.String()) != "" {
		return nil, fmt.Errorf("%d: the statement does not end with a semicolon", p.start)
	}
	for _, s := range p.file.Setup {
		if name := createdTable(s); name != "" {
			p.file.Dumps = append(p.file.Dumps, Step{SQL: "SELECT * FROM " + name, On: "a", Expect: p.dumps[name]})
		}
	}
	return p.file, nil
}

func (p *fileParser) line(line string, n int) error {
	if p.mysql && !strings.HasPrefix(line, "--@ mysql") {
		line = strings.NewReplacer(p.instead...).Replace(line)
	}
	if p.text.Len() == 0 {
		if directive, ok := strings.CutPrefix(line, "--@"); ok {
			return p.directive(strings.TrimSpace(directive), n)
		}
		if trimmed := strings.TrimSpace(line); trimmed == "" || strings.HasPrefix(trimmed, "-- ") || trimmed == "--" {
			return nil
		}
		p.start = n
	} else {
		p.text.WriteByte('\n')
	}
	p.text.WriteString(line)
	trimmed := strings.TrimRight(line, " \t\r")
	if !strings.HasSuffix(trimmed, ";") {
		return nil
	}
	whole := strings.TrimRight(p.text.String(), " \t\r")
	p.text.Reset()
	return p.statement(whole[:len(whole)-1])
}

func (p *fileParser) statement(sql string) error {
	if p.bytes {
		var err error
		if sql, err = unescapeBytes(sql); err != nil {
			return err
		}
	}
	step := p.next
	step.SQL, step.Line, step.On = sql, p.start, p.on
	p.next, p.bytes = Step{Expect: p.always}, false
	switch p.section {
	case "setup":
		p.file.Setup = append(p.file.Setup, sql)
	case "data":
		p.file.Data = append(p.file.Data, sql)
	default:
		if err := step.Expect.check(sql); err != nil {
			return err
		}
		c := &p.file.Cases[len(p.file.Cases)-1]
		c.Steps = append(c.Steps, step)
	}
	return nil
}

func (p *fileParser) directive(text string, n int) (err error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "setup", "data":
		p.section = word
	case "case":
		var c Case
		c, err = parseCase(rest, n)
		if p.mysql {
			c.Opts.Caps &^= wire.CapMariaDBExtendedMetadata
		}
		p.section, p.on = "case", "a"
		p.file.Cases = append(p.file.Cases, c)
	case "on":
		p.on = rest
	case "expect":
		p.next.Expect, err = p.next.Expect.with(rest)
	case "always":
		p.always, err = ParseExpect(rest)
		p.next.Expect = p.always
	case "params":
		var run Execution
		run, err = parseExecution(rest)
		p.next.Runs = append(p.next.Runs, run)
	case "bytes":
		p.bytes = true
	case "mysql":
		old, instead, ok := strings.Cut(rest, " => ")
		if !ok {
			return fmt.Errorf("mysql wants OLD => NEW")
		}
		p.instead = append(p.instead, old, instead)
	case "follows":
		p.next.Follows = true
	case "dump":
		table, codes, _ := strings.Cut(rest, " ")
		p.dumps[table], err = ParseExpect(codes)
	default:
		err = fmt.Errorf("no directive %q", word)
	}
	return err
}

func parseCase(text string, n int) (Case, error) {
	c := Case{Line: n, Modes: []Mode{Text, Binary}, Opts: ConnOptions{Schema: Schema}}
	name, options, _ := strings.Cut(text, "[")
	c.Name = strings.TrimSpace(name)
	if c.Name == "" {
		return c, fmt.Errorf("a case has a name")
	}
	for _, option := range strings.Fields(strings.TrimSuffix(options, "]")) {
		if !c.option(option) {
			return c, fmt.Errorf("no option %q of a case", option)
		}
	}
	return c, nil
}

func unescapeBytes(sql string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(sql); i++ {
		if !strings.HasPrefix(sql[i:], `\x`) || i+4 > len(sql) {
			b.WriteByte(sql[i])
			continue
		}
		v, err := strconv.ParseUint(sql[i+2:i+4], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is no byte", sql[i:i+4])
		}
		b.WriteByte(byte(v))
		i += 3
	}
	return b.String(), nil
}
