package fault

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// raw is a client that sees packets: what a driver would smooth over is seen.
type raw struct {
	*wiretest.Client
	patience time.Duration // of one answer
	cursor   bool          // the last answer to an execution has opened one
	see      func([]byte)  // is shown each packet of an answer; nil: nobody is
	framed   *framed
}

// framed is a connection that notes where packets end in the bytes of both directions, by harness.Direction.
type framed struct {
	net.Conn
	ways [2]struct {
		at, left int64 // bytes so far; of the packet under way that are to come
		head     []byte
		ends     []int64
	}
}

func (f *framed) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	f.note(harness.ToClient, p[:n])
	return n, err
}

func (f *framed) Write(p []byte) (int, error) {
	n, err := f.Conn.Write(p)
	f.note(harness.ToServer, p[:n])
	return n, err
}

func (f *framed) note(way harness.Direction, p []byte) {
	w := &f.ways[way]
	for len(p) > 0 {
		n := int64(len(p))
		if w.left > 0 {
			n = min(n, w.left)
			w.left -= n
		} else {
			n = 1
			if w.head = append(w.head, p[0]); len(w.head) == 4 {
				w.left = int64(w.head[0]) | int64(w.head[1])<<8 | int64(w.head[2])<<16
				w.head = w.head[:0]
			}
		}
		w.at, p = w.at+n, p[n:]
		if w.left == 0 && len(w.head) == 0 {
			w.ends = append(w.ends, w.at)
		}
	}
}

// dialRaw logs in.
func dialRaw(addr, schema string, patience time.Duration) (*raw, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return logInRaw(c, schema, patience)
}

// logInRaw logs in on a connection, which is closed if it fails.
func logInRaw(c net.Conn, schema string, patience time.Duration) (*raw, error) {
	f := &framed{Conn: c}
	r := &raw{Client: wiretest.NewClient(f), patience: patience, framed: f}
	if err := errors.Join(c.SetDeadline(time.Now().Add(patience)), r.Play(wiretest.LogIn("root", "", schema))); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return r, nil
}

// logInEncrypted has the connection encrypted first.
func logInEncrypted(c net.Conn, schema string, patience time.Duration) (*raw, error) {
	inside := tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // the servers of tests sign for themselves
	f := &framed{Conn: inside}
	r := &raw{Client: wiretest.NewClient(c), patience: patience, framed: f}
	l := &wire.Login{Capabilities: wiretest.ClientCaps | wire.CapSSL | wire.CapConnectWithDB, MaxPacket: wire.MaxFrame,
		Collation: byte(wire.CollationUTF8MB4GeneralCI), User: "root", AuthPlugin: wire.AuthNative, Database: schema}
	ask := &wire.SSLRequest{Capabilities: l.Capabilities, MaxPacket: l.MaxPacket, Collation: l.Collation}
	encrypt := func(*wiretest.Client) error { return r.Upgrade(f) }
	if err := errors.Join(c.SetDeadline(time.Now().Add(patience)), r.Play(wiretest.ExpectGreeting(nil), wiretest.SendAnswer(ask), encrypt,
		wiretest.SendLogin(l), wiretest.ExpectOK(nil))); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	r.Conn = f
	return r, nil
}

// close ends the connection as clients do.
func (r *raw) close() {
	_ = r.Play(wiretest.SendCommand(wire.Bare(wire.ComQuit))) // it may be gone
	_ = r.Conn.Close()
}

// send sends a command; its answer is waited for from now on.
func (r *raw) send(m wire.CommandMessage) error {
	if err := r.Conn.SetDeadline(time.Now().Add(r.patience)); err != nil {
		return err
	}
	return r.Play(wiretest.SendCommand(m))
}

// query asks in text. The answer is comparable with another; an ERR packet is an error of type *sqlerr.Error.
func (r *raw) query(sql string) (string, error) {
	if err := r.send(&wire.Query{SQL: []byte(sql)}); err != nil {
		return "", err
	}
	return r.answer()
}

// prepare prepares and returns the statement's id.
func (r *raw) prepare(sql string) (uint32, error) {
	if err := r.send(&wire.StmtPrepare{SQL: []byte(sql)}); err != nil {
		return 0, err
	}
	p, err := r.next()
	if err != nil {
		return 0, err
	}
	ok, err := wire.ParsePrepareOK(p, r.Caps)
	if err != nil {
		return 0, err
	}
	for range ok.Params + ok.Columns {
		if _, err := r.next(); err != nil {
			return 0, err
		}
	}
	return ok.StatementID, nil
}

// execute runs a prepared statement with whole numbers.
func (r *raw) execute(id uint32, flags wire.CursorFlags, params ...int64) (string, error) {
	m := &wire.StmtExecute{StatementID: id, Flags: flags}
	for _, v := range params {
		m.Params = append(m.Params, wire.Param{ParamType: wire.ParamType{Type: sqltypes.LongLong}, Value: sqltypes.IntValue(v)})
	}
	if err := r.send(m); err != nil {
		return "", err
	}
	return r.answer()
}

// fetch takes the next rows of a cursor.
func (r *raw) fetch(id, rows uint32) (text string, last bool, err error) {
	if err := r.send(&wire.StmtFetch{StatementID: id, Rows: rows}); err != nil {
		return "", false, err
	}
	d := newDigest()
	status, err := r.rows(d)
	return d.String(), status&wire.StatusLastRowSent != 0, err
}

// next reads a packet.
func (r *raw) next() ([]byte, error) {
	p, err := r.ReadPacket()
	if err == nil && r.see != nil {
		r.see(p)
	}
	return p, err
}

// table asks in text and reads the rows of the one result; NULL is "NULL".
func (r *raw) table(sql string) (rows [][]string, err error) {
	var packets [][]byte
	seen := r.see
	r.see = func(p []byte) {
		if seen != nil {
			seen(p)
		}
		packets = append(packets, bytes.Clone(p))
	}
	_, err = r.query(sql)
	if r.see = seen; err != nil {
		return nil, err
	}
	n, err := wire.ParseColumnCount(packets[0], r.Caps)
	if err != nil {
		return nil, err
	}
	for _, p := range packets[1+n.Columns : len(packets)-1] {
		row := make(sqltypes.Row, n.Columns)
		if err := wire.ParseTextRow(p, row); err != nil {
			return nil, err
		}
		texts := make([]string, n.Columns)
		for i, cell := range row {
			if texts[i] = string(cell); cell == nil {
				texts[i] = "NULL"
			}
		}
		rows = append(rows, texts)
	}
	return rows, nil
}

// answer reads the answer to a command.
func (r *raw) answer() (string, error) {
	d := newDigest()
	for {
		p, err := r.next()
		switch {
		case err != nil:
			return "", err
		case wire.IsErr(p):
			return "", wire.ParseErr(p)
		case wire.IsOK(p):
			var ok wire.OK
			if err := wire.ParseOK(p, r.Caps, &ok); err != nil {
				return "", err
			}
			return fmt.Sprintf("OK %d rows, id %d, status %v, %d warnings", ok.AffectedRows, ok.LastInsertID, ok.Status, ok.Warnings), nil
		}
		n, err := wire.ParseColumnCount(p, r.Caps)
		if err != nil {
			return "", err
		}
		for range n.Columns {
			if p, err = r.next(); err != nil {
				return "", err
			}
			d.add(p)
		}
		status, err := r.rows(d)
		r.cursor = status&wire.StatusCursorExists != 0
		if err != nil || status&wire.StatusMoreResults == 0 {
			return d.String(), err
		}
	}
}

// rows reads rows up to the packet that ends them.
func (r *raw) rows(d *digest) (wire.Status, error) {
	for {
		p, err := r.next()
		switch {
		case err != nil:
			return 0, err
		case wire.IsErr(p):
			return 0, wire.ParseErr(p)
		case wire.IsResultEnd(p):
			var end wire.OK
			err := wire.ParseResultEnd(p, r.Caps, &end)
			return end.Status, err
		}
		d.add(p)
	}
}

// digest stands for the packets of an answer.
type digest struct {
	packets, bytes int
	sum            [32]byte
}

func newDigest() *digest { return &digest{} }

func (d *digest) add(p []byte) {
	d.packets++
	d.bytes += len(p)
	d.sum = sha256.Sum256(append(d.sum[:], p...))
}

func (d *digest) String() string {
	return fmt.Sprintf("%d packets, %d bytes, %x", d.packets, d.bytes, d.sum[:8])
}

// number is the number of a server's error; 0 where there is none, -1 for the loss of the connection and the like.
func number(err error) int {
	var e *sqlerr.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return int(e.Code)
	}
	return -1
}
