package fault

import (
	"bytes"
	"compress/zlib"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// torture is one heddle, and what attacks on it must leave alone.
type torture struct {
	t       *testing.T
	h       *harness.Heddle
	admin   string
	socket  string // the path of its unix socket
	sitting *raw   // a session of somebody else
	base    int    // goroutines
	resting int    // kB of memory
	tried   int
}

// What a client may at most cost: the time until a connection that sends no more is ended, on a machine that others keep busy, and memory.
const (
	tortureTime   = 30 * time.Second
	tortureMemory = 200 << 10 // kB; the race detector's included
)

func newTorture(t *testing.T) *torture {
	w := &torture{t: t, socket: filepath.Join(t.TempDir(), "socket")}
	cert, key := certstest.New(t).Issue(t, "heddle", certstest.Leaf{Name: "127.0.0.1"})
	var err error
	if w.admin, err = harness.FreeAddr(); err != nil {
		t.Fatal(err)
	}
	w.h = env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf(`database: shop
defaults: {user: root}
data_sources:
  ds_0: {address: %q}
  ds_1: {address: %q}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables: {accounts: {key: id}}
`, env.Shards[0].Addr(), env.Shards[1].Addr())},
		// The verifiers are those of the password "right".
		Users: fmt.Sprintf("users:\n  root: {}\n  native: {verifier: %q}\n  caching: {password: \"env:CACHING\"}\n  full: {verifier: %q}\n",
			nativeVerifier("right"), cachingVerifier("right")),
		Env:    []string{"CACHING=right"},
		Socket: w.socket,
		Set: map[string]string{"listen.tls.cert": cert, "listen.tls.key": key, "admin.address": w.admin, "limits.max_allowed_packet": "1MiB", "memory.query": "8MiB",
			"memory.session": "16MiB", "memory.process": "64MiB", "pool.max": "16", "limits.max_connections": "400",
			"transactions.type": "local"}, // nobody but the clients makes goroutines
	})
	db := w.h.Open(t, "root", "", "shop")
	fill(t, db)
	exec(t, db, "DROP TABLE IF EXISTS files")
	exec(t, db, "CREATE TABLE files (id INT PRIMARY KEY, v INT NOT NULL)") // on one shard, which alone can load files
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if w.sitting, err = dialRaw(w.h.Addr, "shop", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.sitting.close)
	for _, q := range []string{"SET @mine = 'kept'", "BEGIN", "UPDATE accounts SET v = 7 WHERE id = 3"} {
		if _, err := w.sitting.query(q); err != nil {
			t.Fatal(err)
		}
	}
	w.undisturbed("the beginning")
	w.base, w.resting = w.goroutines(), w.memory()
	return w
}

func nativeVerifier(password string) string {
	stored := wire.NativeStored([]byte(password))
	return fmt.Sprintf("*%X", stored[:])
}

func cachingVerifier(password string) string {
	v, err := wire.NewSha2Verifier([]byte(password), []byte("01234567890123456789"))
	if err != nil {
		panic(err) // it is a good salt
	}
	return v.String()
}

// used are the connections to servers that somebody holds.
func (w *torture) used() float64 {
	const source = `heddle_pool_connections{data_source="ds_%d",state="in use"}`
	return metric(w.t, w.admin, fmt.Sprintf(source, 0)) + metric(w.t, w.admin, fmt.Sprintf(source, 1))
}

func (w *torture) goroutines() int { return goroutines(w.t, w.admin) }

// memory is the most that the process has ever had, kB.
func (w *torture) memory() (kB int) {
	if runtime.GOOS != "linux" {
		return 0 // there is no such figure
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.h.PID()))
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		w.t.Fatal(err)
	}
	return kB
}

// undisturbed asks the session of somebody else whether all is as it was.
func (w *torture) undisturbed(after string) {
	w.t.Helper()
	began := time.Now()
	rows, err := w.sitting.table("SELECT @mine, v, (SELECT SUM(v) FROM accounts) FROM accounts WHERE id = 3")
	if err != nil || fmt.Sprint(rows) != "[[kept 7 3907]]" {
		w.t.Fatalf("after %s another session reads %v, %v", after, rows, err)
	}
	if took := time.Since(began); took > tortureTime {
		w.t.Errorf("after %s another session waits for %v", after, took)
	}
}

// clean waits until nothing is left of the attacks.
func (w *torture) clean() {
	w.t.Helper()
	w.undisturbed("all")
	settles(w.t, func() bool { return w.goroutines() <= w.base }, func() string {
		_, stacks := get(w.t, w.admin, "/debug/pprof/goroutine?debug=1")
		return fmt.Sprintf("%d goroutines, before the attacks %d\n%s", w.goroutines(), w.base, stacks)
	})
	settles(w.t, func() bool { return w.used() <= 2 }, func() string { // those of the transaction that sits there
		return fmt.Sprintf("%v connections are in use", w.used())
	})
	if most := w.memory() - w.resting; most > tortureMemory {
		w.t.Errorf("the process has had %d kB more than at rest", most)
	}
}

// inside is attack by a client that waits until it is logged in, by the first of the parts.
func (w *torture) inside(name string, rude bool, parts ...[]byte) []byte {
	return w.attackIn(name, rude, true, parts)
}

// attack sends bytes on a connection of its own, ends its direction, and reads what comes: the connection has to be ended
// in time. With rude it does not even say that it goes.
func (w *torture) attack(name string, rude bool, parts ...[]byte) []byte {
	return w.attackIn(name, rude, false, parts)
}

func (w *torture) attackIn(name string, rude, wait bool, parts [][]byte) []byte {
	w.tried++
	c, err := net.Dial("tcp", w.h.Addr)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(tortureTime)); err != nil {
		w.t.Fatal(err)
	}
	if wait {
		r := wire.NewReader(c, wire.NewPool(0), 1<<20, false)
		_, err := c.Write(parts[0])
		for range 2 { // the greeting and the OK
			if err == nil {
				_, err = r.ReadPacket()
			}
		}
		if err != nil {
			w.t.Fatalf("%s: log in: %v", name, err)
		}
		parts = parts[1:]
	}
	var sending sync.WaitGroup
	sending.Go(func() {
		for _, p := range parts {
			if _, err := c.Write(p); err != nil {
				return // it has been turned away
			}
		}
		_ = c.(*net.TCPConn).CloseWrite() // likewise
	})
	if rude {
		sending.Wait()
		_ = c.(*net.TCPConn).SetLinger(0)
		return nil
	}
	got, err := io.ReadAll(io.LimitReader(c, 64<<20))
	sending.Wait()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Errorf("%s: not ended within %v; so far %d bytes", name, tortureTime, len(got))
	}
	return got
}

// packet is a payload with its header.
func packet(seq byte, payload ...byte) []byte {
	return append([]byte{byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16), seq}, payload...)
}

// login is the packet of a client without a password.
func login(user string, more wire.Capability, auth []byte, plugin string) []byte {
	l := &wire.Login{Capabilities: (wiretest.ClientCaps | wire.CapConnectWithDB | more) &^ wire.CapSSL, MaxPacket: wire.MaxFrame,
		Collation: byte(wire.CollationUTF8MB4GeneralCI), User: user, Auth: auth, Database: "shop", AuthPlugin: plugin}
	return packet(1, l.AppendPayload(nil, 0)...)
}

func plainLogin() []byte { return login("root", 0, nil, wire.AuthNative) }

// lies are payloads that are wrong for nearly everything.
func lies() [][]byte {
	random := make([]byte, 300)
	for i := range random {
		random[i] = byte(rand.N(256))
	}
	return [][]byte{
		nil, {0}, {1, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 9), make([]byte, 40), random,
		append([]byte{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, bytes.Repeat([]byte{0xfe}, 30)...),
		bytes.Repeat([]byte("SELECT "), 2000),
	}
}

// A client cuts its login at every byte, in order and by reset, and sends every byte wrong.
func (w *torture) handshakes() {
	whole := plainLogin()
	for n := range whole {
		w.attack(fmt.Sprint("a login cut after byte ", n), n%2 == 1, whole[:n])
	}
	for n := range whole {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bent := bytes.Clone(whole)
			bent[n] ^= flip
			w.attack(fmt.Sprintf("a login with byte %d wrong", n), false, bent, packet(0, byte(wire.ComPing)))
		}
	}
	for _, payload := range lies() {
		for _, seq := range []byte{0, 1, 2, 255} {
			w.attack("no login", false, packet(seq, payload...))
		}
	}
	w.attack("a login of 16 MB", false, []byte{0xff, 0xff, 0xff, 1}, make([]byte, wire.MaxFrame), packet(2))
	w.attack("a login of 70 kB", false, packet(1, bytes.Repeat([]byte{'x'}, 70<<10)...))
	w.proofs()
	w.encrypted()
}

// proofs cuts an exchange of authentication at every byte: a switch of plug-ins, and the full path of caching_sha2_password with its question for
// the server's key and a password that is none.
func (w *torture) proofs() {
	whole := login("full", 0, bytes.Repeat([]byte{'a'}, 20), wire.AuthNative)
	first := len(whole)
	whole = append(whole, packet(3, bytes.Repeat([]byte{'b'}, 32)...)...) // to the switch
	whole = append(whole, packet(5, 2)...)                                // the key, please
	whole = append(whole, packet(7, bytes.Repeat([]byte{'c'}, 256)...)...)
	for n := first; n < len(whole); n++ {
		w.attack(fmt.Sprint("a proof cut after byte ", n-first), n%2 == 1, whole[:n])
	}
	if got := w.attack("a wrong password under the key", false, whole); !bytes.Contains(got, []byte("BEGIN PUBLIC KEY")) || !bytes.Contains(got, []byte("#28000")) {
		w.t.Errorf("a wrong password under the server's key is answered by %q", got)
	}
}

// askTLS has a connection encrypted.
func askTLS() []byte {
	ask := &wire.SSLRequest{Capabilities: wiretest.ClientCaps | wire.CapSSL | wire.CapConnectWithDB, MaxPacket: wire.MaxFrame, Collation: byte(wire.CollationUTF8MB4GeneralCI)}
	return packet(1, ask.AppendPayload(nil, 0)...)
}

// hello is the beginning of a client's handshake of TLS.
func hello() []byte {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true}).Handshake() // nobody answers
		_ = theirs.Close()
	}()
	head := make([]byte, 5)
	_, err := io.ReadFull(ours, head)
	whole := append(head, make([]byte, int(head[3])<<8|int(head[4]))...)
	if err == nil {
		_, err = io.ReadFull(ours, whole[5:])
	}
	if err != nil {
		panic(err) // a pipe
	}
	return whole
}

// encrypted cuts and bends a handshake of TLS at every byte, and then the login that is inside.
func (w *torture) encrypted() {
	ask, whole := askTLS(), hello()
	for n := range whole {
		w.attack(fmt.Sprint("a handshake of TLS cut after byte ", n), n%2 == 1, ask, whole[:n])
		bent := bytes.Clone(whole)
		bent[n] ^= 0xff
		w.attack(fmt.Sprintf("a handshake of TLS with byte %d wrong", n), false, ask, bent)
	}
	for _, garbage := range lies() {
		w.attack("no handshake of TLS", false, ask, garbage)
	}
	w.attack("a login in the clear after the request for TLS", false, ask, plainLogin())
	within := login("root", wire.CapSSL, nil, wire.AuthNative)
	within[3] = 2
	for n := range within {
		w.inTLS(fmt.Sprint("a login within TLS cut after byte ", n), n%2 == 1, within[:n])
	}
	if got := w.inTLS("a good login within TLS", false, within, packet(0, byte(wire.ComPing))); bytes.Count(got, []byte{0, 0, 0}) < 2 {
		w.t.Errorf("a good login within TLS is answered by %q", got)
	}
	w.inTLS("TLS within TLS", false, whole)
	w.inTLS("a second request for TLS", false, append(bytes.Clone(ask[:3]), append([]byte{2}, ask[4:]...)...), within)
}

// inTLS is an attack after the handshake of TLS.
func (w *torture) inTLS(name string, rude bool, parts ...[]byte) []byte {
	w.tried++
	socket, err := net.Dial("tcp", w.h.Addr)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	defer socket.Close()
	if err := socket.SetDeadline(time.Now().Add(tortureTime)); err != nil {
		w.t.Fatal(err)
	}
	inside := tls.Client(socket, &tls.Config{InsecureSkipVerify: true})
	greeting := wiretest.NewClient(socket)
	if err := greeting.Play(wiretest.ExpectGreeting(nil), wiretest.SendRaw(string(askTLS())), func(*wiretest.Client) error { return inside.Handshake() }); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	for _, p := range parts {
		if _, err := inside.Write(p); err != nil {
			break // it has been turned away
		}
	}
	if rude {
		_ = socket.(*net.TCPConn).SetLinger(0)
		return nil
	}
	_ = inside.CloseWrite() // it may have been turned away
	_ = socket.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(io.LimitReader(inside, 64<<20))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		w.t.Errorf("%s: not ended within %v; so far %d bytes", name, tortureTime, len(got))
	}
	return got
}

// Every command with every lie, in the right order and out of it.
func (w *torture) commands() {
	for command := range 256 {
		for _, payload := range lies() {
			p := packet(0, append([]byte{byte(command)}, payload...)...)
			w.attack(fmt.Sprintf("command %#x with %d bytes", command, len(payload)), false, plainLogin(), p)
		}
	}
	query := packet(0, []byte("\x03SELECT 1")...)
	for seq := 1; seq < 256; seq += 50 {
		w.attack("a command out of order", false, plainLogin(), append([]byte{query[0], 0, 0, byte(seq)}, query[4:]...))
	}
	for n := range query {
		w.attack(fmt.Sprint("a command cut after byte ", n), n%2 == 1, plainLogin(), query[:n])
	}
	w.attack("an empty command", false, plainLogin(), packet(0))
	w.attack("a command of a length that does not come", false, plainLogin(), []byte{0xfe, 0xff, 0xff, 0, 3})
	w.attack("a long command without its end", false, plainLogin(), []byte{0xff, 0xff, 0xff, 0}, make([]byte, wire.MaxFrame))
	w.attack("a long command that goes on out of order", false, plainLogin(), []byte{0xff, 0xff, 0xff, 0}, make([]byte, wire.MaxFrame), packet(9, 1, 2, 3))
	huge := [][]byte{plainLogin()}
	for i := range 4 {
		huge = append(huge, []byte{0xff, 0xff, 0xff, byte(i)}, bytes.Repeat([]byte{3}, wire.MaxFrame))
	}
	w.attack("a command of 64 MB", false, append(huge, packet(4))...)
}

// Parameters that are not what their types say, of every type and many lengths.
func (w *torture) parameters() {
	var c *raw
	var id uint32
	open := func() {
		var err error
		if c, err = dialRaw(w.h.Addr, "shop", tortureTime); err == nil {
			id, err = c.prepare("SELECT ? + 1, LENGTH(?) FROM accounts WHERE id = 1")
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	open()
	defer func() { c.close() }()
	values := [][]byte{nil, {0}, {0xff}, make([]byte, 3), bytes.Repeat([]byte{0x7f}, 4), make([]byte, 7), bytes.Repeat([]byte{0xff}, 8),
		append([]byte{11}, bytes.Repeat([]byte{0xff}, 11)...), append([]byte{0xfe}, bytes.Repeat([]byte{0xff}, 8)...), bytes.Repeat([]byte{12}, 40)}
	for kind := range 256 {
		for _, flag := range []byte{0, 0x80, 0xff} {
			for i, value := range values {
				p := binary.LittleEndian.AppendUint32([]byte{byte(wire.ComStmtExecute)}, id)
				p = append(p, 0, 1, 0, 0, 0, 0 /* no NULL */, 1, byte(kind), flag, byte(kind), flag)
				w.answered(c, fmt.Sprintf("type %d, flag %#x, value %d", kind, flag, i), append(p, value...), open)
			}
		}
	}
	whole := wholeExecute(id)
	for n := 1; n < len(whole); n++ {
		w.answered(c, fmt.Sprint("an execution cut after byte ", n), whole[:n], open)
		for _, flip := range []byte{1, 0x80, 0xff} {
			bent := bytes.Clone(whole)
			bent[n] ^= flip
			w.answered(c, fmt.Sprintf("an execution with byte %d wrong", n), bent, open)
		}
	}
}

func wholeExecute(id uint32) []byte {
	p := binary.LittleEndian.AppendUint32([]byte{byte(wire.ComStmtExecute)}, id)
	p = append(p, 0, 1, 0, 0, 0, 0, 1, 8, 0, 0xfd, 0)
	return append(binary.LittleEndian.AppendUint64(p, 42), 3, 'a', 'b', 'c')
}

// answered sends a command that has to be answered, by whatever, or the connection is ended; then a new one goes on.
func (w *torture) answered(c *raw, name string, payload []byte, open func()) {
	w.tried++
	if err := c.Conn.SetDeadline(time.Now().Add(tortureTime)); err != nil {
		w.t.Fatal(err)
	}
	c.ResetSequence()
	if _, err := c.Conn.Write(packet(0, payload...)); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	_, err := c.answer()
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		w.t.Errorf("%s: no answer within %v", name, tortureTime)
		fallthrough
	case number(err) < 0:
		_ = c.Conn.Close() // the other side has, most likely
		open()
	}
}

// compressed is a frame of the compressed protocol; length is what it says of its content.
func compressed(seq byte, content []byte, length int) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := z.Write(content)
	if err = errors.Join(err, z.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	n := b.Len()
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq, byte(length), byte(length >> 8), byte(length >> 16)}, b.Bytes()...)
}

// Frames that lie about their length, hold garbage, or hold far more than they weigh.
func (w *torture) compression() {
	in := login("root", wire.CapCompress, nil, wire.AuthNative)
	query := packet(0, append([]byte{3}, "SELECT '"+strings.Repeat("x", 100)+"'"...)...)
	if got := w.inside("a good frame", false, in, compressed(0, query, len(query))); len(got) < 50 {
		w.t.Errorf("a good frame is answered by %d bytes: %q", len(got), got)
	}
	for _, length := range []int{1, len(query) - 1, len(query) + 1, 1 << 16, wire.MaxFrame} {
		w.inside(fmt.Sprint("a frame that says ", length), false, in, compressed(0, query, length))
	}
	good := compressed(0, query, len(query))
	for n := range good {
		w.inside(fmt.Sprint("a frame cut after byte ", n), n%2 == 1, in, good[:n])
		bent := bytes.Clone(good)
		bent[n] ^= 0xff
		w.inside(fmt.Sprintf("a frame with byte %d wrong", n), false, in, bent)
	}
	// 16 MB of zeros weigh 16 kB: packets of one byte, of a statement that is too long, and of nothing at all.
	bomb := compressed(0, make([]byte, wire.MaxFrame), wire.MaxFrame)
	w.inside("a bomb of empty packets", false, in, bomb)
	long := make([]byte, wire.MaxFrame)
	copy(long, []byte{0xff, 0xff, 0xff, 0, 3})
	parts := [][]byte{in, compressed(0, long, len(long))}
	for i := 1; i < 6; i++ {
		more := bytes.Clone(bomb)
		more[3] = byte(i)
		parts = append(parts, more)
	}
	w.inside("a bomb of 96 MB", false, parts...)
	ping := bytes.Repeat(packet(0, byte(wire.ComPing)), wire.MaxFrame/5)
	w.inside("three million pings in a frame", true, in, compressed(0, ping, len(ping)))
}

// Wrong answers to every plug-in, of every length, and exchanges cut in the middle.
func (w *torture) credentials() {
	plugins := []string{wire.AuthNative, wire.AuthCachingSha2, "mysql_clear_password", "sha256_password", "client_ed25519", "dialog", "mysql_old_password",
		"auth_gssapi_client", "", strings.Repeat("p", 250)}
	for _, user := range []string{"root", "native", "caching", "nobody", "", strings.Repeat("u", 2000)} {
		for _, plugin := range plugins {
			for _, n := range []int{0, 1, 19, 20, 21, 32, 33, 250} {
				in := login(user, 0, bytes.Repeat([]byte{'a'}, n), plugin)
				name := fmt.Sprintf("user %.10s, plug-in %.20s, %d bytes", user, plugin, n)
				got := w.attack(name, false, in, packet(3, bytes.Repeat([]byte{2}, 1+n%7)...), packet(5, bytes.Repeat([]byte{'b'}, 256)...), packet(0, byte(wire.ComPing)))
				if letIn := user == "root" && n == 0; !letIn && (bytes.Contains(got, []byte{7, 0, 0, 2, 0, 0, 0}) || !bytes.Contains(got, []byte("#"))) {
					w.t.Errorf("%s: not turned away with an error: %q", name, got)
				}
			}
		}
	}
	for _, user := range []string{"native", "caching", "full"} {
		db := w.h.Open(w.t, user, "right", "shop")
		if err := db.PingContext(w.t.Context()); err != nil {
			w.t.Errorf("%s is not let in by the right password: %v", user, err)
		}
		if err := db.Close(); err != nil { // it is no attack
			w.t.Error(err)
		}
	}
	// COM_CHANGE_USER is a login in the middle.
	for _, user := range []string{"native", "caching", "nobody"} {
		change := (&wire.ChangeUser{User: user, Auth: []byte("wrong"), Database: "shop", AuthPlugin: wire.AuthNative}).AppendPayload(nil, wiretest.ClientCaps)
		for n := 1; n <= len(change); n++ {
			w.attack("a change of user cut or refused", false, plainLogin(), packet(0, change[:n]...), packet(2, 1, 2, 3), packet(0, byte(wire.ComPing)))
		}
	}
}

// Clients answer the request for a file by what is no file, or by none.
func (w *torture) files() {
	load := packet(0, []byte("\x03LOAD DATA LOCAL INFILE 'x' INTO TABLE files")...)
	for name, parts := range map[string][][]byte{
		"nothing":                  {},
		"an empty file":            {packet(2)},
		"a command":                {packet(0, []byte("\x03SELECT 1")...)},
		"out of order":             {packet(7, []byte("1\t2\n")...)},
		"a cut packet":             {[]byte{200, 0, 0, 2, 'x'}},
		"garbage":                  {packet(2, bytes.Repeat([]byte{0xff, 0, '\t'}, 5000)...), packet(3)},
		"a file without an end":    {packet(2, []byte("5000\t1\n")...), packet(3, []byte("5001\t1\n")...)},
		"a line without an end":    {packet(2, bytes.Repeat([]byte{'1'}, 5<<20)...), packet(3, bytes.Repeat([]byte{'1'}, 5<<20)...), packet(4)},
		"an error and then a file": {packet(2, append([]byte{0xff, 1, 2, '#'}, "HY000no"...)...), packet(3)},
	} {
		for _, rude := range []bool{false, true} {
			w.attack("LOAD DATA LOCAL: "+name, rude, append([][]byte{plainLogin(), load}, parts...)...)
		}
	}
	control, err := dialRaw(w.h.Addr, "shop", tortureTime)
	if err != nil {
		w.t.Fatal(err)
	}
	defer control.close()
	rows, err := control.table("SELECT COUNT(*) FROM files WHERE id BETWEEN 5000 AND 5999")
	if err != nil || rows[0][0] != "0" {
		w.t.Errorf("%v rows of files that were not sent to their end are there, %v", rows, err)
	}
	w.attack("a good file", false, plainLogin(), load, packet(2, []byte("5000\t1\n")...), packet(3))
	if got, err := control.query("DELETE FROM files WHERE id = 5000"); !strings.HasPrefix(got, "OK 1 rows") {
		w.t.Errorf("a good file is not loaded: %s, %v", got, err)
	}
}

// Clients go away with cursors open, long data sent and statements prepared.
func (w *torture) abandoned() {
	for i := range 40 {
		c, err := dialRaw(w.h.Addr, "shop", 30*time.Second)
		if err != nil {
			w.t.Fatal(err)
		}
		for range 5 {
			id, err := c.prepare("SELECT a.id, b.TABLE_NAME FROM accounts a, information_schema.TABLES b WHERE a.id = 1 AND LENGTH(?) > 0")
			if err != nil {
				id, err = c.prepare("SELECT a.id FROM accounts a WHERE a.id = 1 AND ? > 0")
			}
			if err != nil {
				w.t.Fatal(err)
			}
			if i%4 == 0 {
				if err := c.send(&wire.StmtSendLongData{StatementID: id, Data: bytes.Repeat([]byte{'1'}, 100<<10)}); err != nil {
					w.t.Fatal(err)
				}
			}
			if _, err := c.execute(id, wire.CursorReadOnly, 1); number(err) < 0 {
				w.t.Fatal(err)
			}
		}
		if i%2 == 0 {
			_ = c.framed.Conn.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Conn.Close()
		w.tried++
	}
}

// slow begins clients that say a byte now and then, of a login or of a handshake of TLS: they are ended, for which wait waits, and hold up nobody.
func (w *torture) slow() (wait func()) {
	ways := [2][]byte{plainLogin(), hello()}
	var all sync.WaitGroup
	for i := range 100 {
		w.tried++
		whole := ways[i%2]
		c, err := net.Dial("tcp", w.h.Addr)
		if err != nil {
			w.t.Fatal(err)
		}
		all.Go(func() {
			defer c.Close()
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Second))
			ended := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, c); ended <- err }()
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			if i%2 == 1 { // the handshake of TLS is what is slow
				_, _ = c.Write(askTLS()) // likewise
			}
			for n := range whole[:len(whole)-1] {
				_, _ = c.Write(whole[n : n+1]) // it is ended in the middle, which the reader sees
				select {
				case <-tick.C:
				case err := <-ended:
					var timeout net.Error
					if errors.As(err, &timeout) && timeout.Timeout() {
						w.t.Errorf("a login of a byte a second (%d) goes on for 50 s", i)
					}
					return
				}
			}
		})
	}
	return all.Wait
}

// lazy begins clients that take nothing of their answers, or pause in the middle of a file, and stay: they are cut off after
// their session's net_write_timeout and net_read_timeout, whatever they are connected by, and what they held is given back.
func (w *torture) lazy() {
	for _, by := range []string{"TCP", "TLS", "a unix socket"} {
		for name, text := range map[string]string{
			"all shards": "SELECT id, REPEAT('x', 2000000) FROM accounts ORDER BY id",
			"one shard":  "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i, REPEAT('x', 2000000) FROM n",
			"a file":     "LOAD DATA LOCAL INFILE 'x' INTO TABLE files",
			"pieces":     "LOAD DATA LOCAL INFILE 'x' INTO TABLE files",
		} {
			w.tried++
			c := w.dialBy(by)
			w.t.Cleanup(c.close)
			if _, err := c.query("SET net_write_timeout = 2, net_read_timeout = 2"); err != nil {
				w.t.Fatal(err)
			}
			if err := c.send(&wire.Query{SQL: []byte(text)}); err != nil {
				w.t.Fatal(err)
			}
			switch name {
			case "a file":
				if _, err := c.next(); err != nil {
					w.t.Fatal(err)
				}
			case "pieces":
				if _, err := c.Conn.Write([]byte{200, 0, 0, 1, '6'}); err != nil {
					w.t.Fatal(err)
				}
			}
		}
		settles(w.t, func() bool { return w.used() >= 4 }, func() string {
			return fmt.Sprintf("%v connections are in use: the statements of the lazy clients on %s do not run", w.used(), by)
		})
	}
	settles(w.t, func() bool { return w.used() <= 2 }, func() string {
		return fmt.Sprintf("%v connections are in use: the lazy clients are not cut", w.used())
	})
}

// dialBy logs in by TCP, TLS or a unix socket.
func (w *torture) dialBy(by string) *raw {
	w.t.Helper()
	network, address := "tcp", w.h.Addr
	if by == "a unix socket" {
		network, address = "unix", w.socket
	}
	socket, err := net.DialTimeout(network, address, tortureTime)
	if err != nil {
		w.t.Fatal(err)
	}
	logIn := logInRaw
	if by == "TLS" {
		logIn = logInEncrypted
	}
	c, err := logIn(socket, "shop", tortureTime)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// Whatever a client sends, in whatever state: it is answered with an error, or its connection is ended, in time and within
// bounds of memory; other sessions go on as if nothing was.
func TestTorture(t *testing.T) {
	w := newTorture(t)
	slow := w.slow()
	for _, a := range []struct {
		name string
		run  func()
	}{
		{"handshakes", w.handshakes}, {"commands", w.commands}, {"parameters", w.parameters}, {"compression", w.compression},
		{"credentials", w.credentials}, {"files", w.files}, {"abandoned", w.abandoned}, {"lazy", w.lazy},
	} {
		began := time.Now()
		a.run()
		w.undisturbed(a.name)
		t.Logf("%s: %v, %d attacks so far, at most %d kB above rest", a.name, time.Since(began).Round(time.Millisecond), w.tried, w.memory()-w.resting)
	}
	slow()
	w.clean()
}
