package wiretest

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

func dial(t *testing.T, addr string, f Faults) *Client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return NewClient(NewFaultConn(c, f))
}

func conversation() []ServerStep {
	cols := []sqltypes.Column{{Name: "a", Type: sqltypes.Long, Collation: 63}, {Name: "b", Type: sqltypes.VarString, Collation: 45}}
	return []ServerStep{
		Accept(),
		ExpectQuery("select a, b"),
		SendResult(cols, sqltypes.Row{[]byte("1"), nil}, sqltypes.Row{[]byte("2"), []byte("x")}),
		ExpectCommand(wire.ComPing, ""),
		SendOK(),
		ExpectCommand(wire.ComInitDB, "nowhere"),
		Send(wire.Err{Error: sqlerr.UnknownDatabase("nowhere")}),
		ExpectQuery("load"),
		Send(&wire.LocalInfile{Name: "f"}),
		ExpectPacket("data"),
		ExpectPacket(""),
		SendOK(),
		ExpectClose(),
	}
}

func TestConversation(t *testing.T) {
	for name, f := range map[string]Faults{"plain": {}, "every byte alone": {ReadChunk: 1, WriteChunk: 1}} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, Listen(t, conversation()), f)
			if err := c.Play(
				LogIn("root", "secret", "db"),
				SendQuery("select a, b"),
				ExpectRows([]string{"a", "b"}, sqltypes.Row{[]byte("1"), nil}, sqltypes.Row{[]byte("2"), []byte("x")}),
				SendCommand(wire.Bare(wire.ComPing)),
				ExpectOK(nil),
				SendCommand(wire.InitDB("nowhere")),
				ExpectErr(sqlerr.CodeBadDB),
				SendQuery("load"),
				ExpectPayload("\xfbf"),
				SendAnswer(wire.FileData("data")),
				SendAnswer(wire.FileData("")),
				ExpectOK(nil),
				SendCommand(wire.Bare(wire.ComQuit)),
				ExpectClosed(),
			); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestScriptsComplain(t *testing.T) {
	client, server := net.Pipe()
	result := make(chan error, 1)
	go func() {
		result <- Serve(server, Greet(DefaultGreeting()), ExpectLogin(func(l *wire.Login) error {
			if !wire.VerifyNative(l.Auth, []byte(Salt), wire.NativeStored([]byte("secret"))) || l.User != "u" {
				return errors.New("wrong login")
			}
			return nil
		}), SendOK(), ExpectQuery("do 1"))
	}()
	c := NewClient(client)
	if err := c.Play(LogIn("u", "secret", ""), SendQuery("do 2"), ExpectClosed()); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err == nil || !strings.Contains(err.Error(), `step 3: expect query "do 1"`) {
		t.Errorf("the server says %v", err)
	}
}

func TestSwitchedLogin(t *testing.T) {
	other := "ABCDEFGHIJKLMNOPQRST"
	addr := Listen(t, []ServerStep{
		Greet(DefaultGreeting()), ExpectLogin(nil),
		Send(&wire.AuthSwitch{Plugin: wire.AuthCachingSha2, Salt: []byte(other)}),
		ExpectPacket(string(wire.Sha2Scramble([]byte("secret"), []byte(other)))),
		Send(&wire.AuthMoreData{Data: []byte{wire.Sha2FastOK}}, &wire.OK{}),
		ExpectClose(),
	})
	if err := dial(t, addr, Faults{}).Play(LogIn("u", "secret", "")); err != nil {
		t.Fatal(err)
	}
}

func TestCuts(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	go func() {
		_, _ = b.Write([]byte("0123456789"))
	}()
	c := NewFaultConn(a, Faults{CutReadAfter: 4})
	got, err := io.ReadAll(c)
	if string(got) != "0123" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%q, %v", got, err)
	}
	if r, w := c.Moved(); r != 4 || w != 0 {
		t.Errorf("moved %d, %d", r, w)
	}

	a, b = net.Pipe()
	received := make(chan string)
	go func() {
		p, _ := io.ReadAll(b)
		received <- string(p)
	}()
	c = NewFaultConn(a, Faults{CutWriteAfter: 3, WriteChunk: 2})
	if n, err := c.Write([]byte("0123456789")); n != 3 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d, %v", n, err)
	}
	if got := <-received; got != "012" {
		t.Errorf("the other end got %q", got)
	}
	a, _ = net.Pipe()
	if _, err := NewFaultConn(a, Faults{CutNow: true}).Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("cut at once: %v", err)
	}
}

func TestGates(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	gate := make(chan struct{})
	c := NewFaultConn(a, Faults{ReadGate: gate})
	done := make(chan string)
	go func() {
		p := make([]byte, 10)
		n, _ := c.Read(p)
		done <- string(p[:n])
	}()
	wrote := make(chan struct{})
	go func() {
		_, _ = b.Write([]byte("late"))
		close(wrote)
	}()
	select {
	case <-wrote:
		t.Fatal("the closed gate let a byte through")
	case gate <- struct{}{}:
	}
	if got := <-done; got != "late" {
		t.Errorf("%q", got)
	}
	<-wrote
}

func TestScriptWaits(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	addr := Listen(t, []ServerStep{Accept(), ExpectQuery("slow"), Signal(reached), WaitFor(release), SendBytes("\x05\x00"), Close()})
	c := dial(t, addr, Faults{})
	if err := c.Play(LogIn("u", "", ""), SendQuery("slow")); err != nil {
		t.Fatal(err)
	}
	<-reached
	close(release)
	if _, err := c.ReadPacket(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a packet: %v", err)
	}
}
