package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Who may speak to the MySQL port may not read or write files of the machine that an instance runs on, an administrator of rules neither. So IMPORT asks
// the client for the file, as LOAD DATA LOCAL does: it is the client's own, which the client has named.

// importRules brings a document into force that the client has in a file.
func (s *Session) importRules(ctx context.Context, x *execution, st *distsql.Statement, text string) error {
	const otherwise = "; `heddle rules apply -f FILE` applies a document without it"
	switch {
	case x.form == exec.BinaryRows:
		return s.writeError(sqlerr.NotSupported("IMPORT DATABASE CONFIGURATION as a prepared statement"))
	case !s.client.Caps.Has(wire.CapLocalFiles):
		return s.writeError(sqlerr.NotSupported("IMPORT DATABASE CONFIGURATION FROM FILE for a client that sends no files (the mariadb client does with --local-infile)" + otherwise))
	}
	name, err := s.ruledDatabase(st)
	if err != nil {
		return s.writeError(err)
	}
	document, release, err := s.clientFile(st.Text)
	if err != nil {
		return err
	}
	defer release()
	if err := importable(document, name); err != nil {
		return s.writeError(err)
	}
	if err := s.commit(ctx); err != nil {
		return s.writeError(err)
	}
	done, err := s.srv.Rules.Import(ctx, s.who.Client(), name, commentOf(text), document)
	if err != nil {
		return s.writeError(err)
	}
	return s.rulesChanged(name, &done, nil)
}

// clientFile is what a file of the client's has. An error is the client connection's. What there is no memory for is not kept, and is no document.
func (s *Session) clientFile(name string) (text []byte, release func(), err error) {
	held, full := int64(0), false
	release = func() { s.prepared.budget.Release(held) }
	defer func() {
		if err != nil {
			release()
		}
	}()
	if err := s.client.Send(&wire.LocalInfile{Name: name}); err != nil {
		return nil, nil, err
	}
	if err := s.client.Flush(); err != nil {
		return nil, nil, err
	}
	for {
		if err := s.receiving(); err != nil {
			return nil, nil, err
		}
		p, err := s.client.Reader.ReadPacket()
		if err != nil {
			return nil, nil, err
		}
		if len(p) == 0 {
			return text, release, s.received()
		}
		if full = full || s.prepared.budget.Reserve("a file of rules", int64(len(p))) != nil; full {
			text = nil
			continue
		}
		held += int64(len(p))
		text = append(text, p...)
	}
}

// importable says what keeps a text from being the document of a database.
func importable(text []byte, database string) error {
	if len(strings.TrimSpace(string(text))) == 0 {
		return sqlerr.RuleRefused("the client has sent nothing that could be kept: is the file there, and may the client read it?")
	}
	d, problems := rule.Parse(text)
	if err := problems.Err(); err != nil {
		why := "the file is no document of rules: " + err.Error()
		if strings.Contains(string(text), "databaseName:") {
			why += "\n`heddle rules import --from shardingsphere FILE` makes one of ShardingSphere's"
		}
		return sqlerr.RuleRefused(why)
	}
	if !strings.EqualFold(d.Database, database) {
		return sqlerr.RuleRefused("the file is of the database " + d.Database + ", not of " + database)
	}
	return nil
}
