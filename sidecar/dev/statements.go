package dev

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Statements splits a script at its semicolons, for --load. Quotes, comments and backslashes are read as a server
// reads them under its default sql_mode; a statement comes without its semicolon, comments stay in it, a statement of
// comments alone is left out. DELIMITER is a command of the mariadb client, not SQL: it is an error here.
// The script is streamed; only one statement is in memory. After an error nothing follows.
func Statements(script io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s := &splitter{in: bufio.NewReaderSize(script, 64<<10)}
		for {
			text, err := s.next()
			if err != nil && !errors.Is(err, io.EOF) {
				yield("", fmt.Errorf("read the SQL script: %w", err))
				return
			}
			if text != "" && !yield(text, nil) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}

// splitter reads one statement after the other.
type splitter struct {
	in   *bufio.Reader
	text strings.Builder
	code bool // the statement has something besides blanks and plain comments
}

var errDelimiter = errors.New("DELIMITER is a command of the mariadb client; send such a script through it")

// next returns the next statement, "" if it is empty; io.EOF comes with the last.
func (s *splitter) next() (string, error) {
	s.text.Reset()
	s.code = false
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return s.statement(), err
		}
		if c == ';' {
			return s.statement(), nil
		}
		s.text.WriteByte(c)
		if err := s.element(c); err != nil {
			return s.statement(), err
		}
		const word = "delimiter "
		if t := strings.TrimLeft(s.text.String(), " \t\r\n"); s.code && len(t) == len(word) && strings.EqualFold(t, word) {
			return "", errDelimiter
		}
	}
}

func (s *splitter) statement() string {
	if !s.code {
		return ""
	}
	return strings.TrimSpace(s.text.String())
}

// element reads what c begins to its end.
func (s *splitter) element(c byte) error {
	switch {
	case c == '\'' || c == '"' || c == '`':
		s.code = true
		return s.quoted(c)
	case c == '#', c == '-' && s.dashComment():
		return s.until("\n")
	case c == '/' && s.peek(0) == '*':
		s.code = s.code || s.peek(1) == '!' || s.peek(1) == 'M' && s.peek(2) == '!'
		star, err := s.in.ReadByte() // not the first half of the end: /*/ is still open
		if err != nil {
			return err
		}
		s.text.WriteByte(star)
		return s.until("*/")
	case c != ' ' && c != '\t' && c != '\r' && c != '\n':
		s.code = true
	}
	return nil
}

// dashComment: a second dash, and a blank, a control character or the end after it.
func (s *splitter) dashComment() bool {
	b, _ := s.in.Peek(2)
	return len(b) > 0 && b[0] == '-' && (len(b) == 1 || b[1] <= ' ')
}

func (s *splitter) peek(i int) byte {
	if b, _ := s.in.Peek(i + 1); len(b) > i {
		return b[i]
	}
	return 0
}

// until reads up to and including end.
func (s *splitter) until(end string) error {
	from := s.text.Len()
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		s.text.WriteByte(c)
		if c == end[len(end)-1] && strings.HasSuffix(s.text.String()[from:], end) {
			return nil
		}
	}
}

// quoted reads to the closing quote. A doubled quote closes and opens again, which comes to the same here.
func (s *splitter) quoted(quote byte) error {
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		s.text.WriteByte(c)
		if c == quote {
			return nil
		}
		if c == '\\' && quote != '`' {
			if c, err = s.in.ReadByte(); err != nil {
				return err
			}
			s.text.WriteByte(c)
		}
	}
}
