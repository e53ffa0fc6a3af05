package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// relayed runs a Relay over in and returns what the destination received, and the source after it.
func relayed(t testing.TB, in io.Reader, end RelayEnd) (string, *Relay, *Reader) {
	t.Helper()
	var out bytes.Buffer
	src := newTestReader(in, 1<<30, false)
	dst := NewWriter(&out, NewPool(1<<10))
	*dst.seq = 5
	x := &Relay{End: end}
	if err := x.Run(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String(), x, src
}

func TestRelayRows(t *testing.T) {
	long := strings.Repeat("r", 3000)
	rows := []string{"a", "\x03abc", "", long, "\x00binary", strings.Repeat("e", 1020), strings.Repeat("e", 1019)}
	ends := map[string]string{
		"eof": "\xfe\x00\x00\x02\x00", "ok": "\xfe\x00\x00\x02\x00\x00\x00" + strings.Repeat("i", 100), "err": "\xff\x01\x04#HY000x",
	}
	for name, end := range ends {
		var in, want string
		for i, r := range rows {
			in += packet(byte(i+200), r)
			want += packet(byte(i+5), r)
		}
		in += packet(9, end)
		for split, src := range map[string]io.Reader{"whole": strings.NewReader(in), "bytes": iotest.OneByteReader(strings.NewReader(in))} {
			got, x, rest := relayed(t, src, EndOfRows)
			if got != want {
				t.Errorf("%s/%s: relayed %d bytes, want %d", name, split, len(got), len(want))
			}
			if x.Packets != int64(len(rows)) || x.Bytes != int64(len(want)) {
				t.Errorf("%s/%s: counted %d packets, %d bytes", name, split, x.Packets, x.Bytes)
			}
			if p, err := rest.ReadPacket(); err != nil || string(p) != end {
				t.Errorf("%s/%s: after the rows: %q, %v", name, split, p, err)
			}
		}
	}
}

// A value of 16 MiB begins with 0xfe, and its second packet may begin with anything: neither ends the rows.
func TestRelayHugeRow(t *testing.T) {
	row := append([]byte{0xfe, 0xf0, 0xff, 0xff, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0xff}, MaxFrame-9+3)...)
	var in bytes.Buffer
	w := NewWriter(&in, NewPool(0))
	for _, p := range [][]byte{row, row[:MaxFrame], []byte("small"), {0xfe, 0, 0, 2, 0}} {
		if err := w.WritePacket(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, x, src := relayed(t, &in, EndOfRows)
	if x.Packets != 3 {
		t.Errorf("%d rows", x.Packets)
	}
	if src.lease == nil || len(src.buf) != 1<<10 {
		t.Error("the source's buffer has grown")
	}
	back := newTestReader(strings.NewReader(got), 1<<30, false)
	for i, want := range [][]byte{row, row[:MaxFrame], []byte("small")} {
		if p, err := back.ReadPacket(); err != nil || !bytes.Equal(p, want) {
			t.Errorf("row %d: %d bytes, %v", i, len(p), err)
		}
	}
}

func TestRelayFile(t *testing.T) {
	in := packet(2, "\xfe\x00\x00") + packet(3, strings.Repeat("x", 5000)) + packet(4, "") + packet(0, "\x0e")
	got, x, src := relayed(t, strings.NewReader(in), EndOfFile)
	want := packet(5, "\xfe\x00\x00") + packet(6, strings.Repeat("x", 5000)) + packet(7, "")
	if got != want || x.Packets != 3 {
		t.Errorf("relayed %d bytes, %d packets", len(got), x.Packets)
	}
	if p, err := src.ReadPacket(); err != nil || string(p) != "\x0e" {
		t.Errorf("then %q, %v", p, err)
	}
}

func TestRelayTellsTheFailingSide(t *testing.T) {
	var side *RelayError
	src := newTestReader(strings.NewReader(packet(0, "row")+"\x05\x00\x00"), 1<<20, false)
	err := new(Relay).Run(NewWriter(io.Discard, NewPool(0)), src)
	if !errors.As(err, &side) || !side.FromSource || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("source: %v", err)
	}
	src = newTestReader(strings.NewReader(strings.Repeat(packet(0, strings.Repeat("r", 900)), 30)), 1<<20, false)
	err = new(Relay).Run(NewWriter(&narrowWriter{left: 2000}, NewPool(0)), src)
	if !errors.As(err, &side) || side.FromSource || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("destination: %v", err)
	}
}

// The fast relay gives what reading and writing every packet gives.
func TestRelayAgainstReadAndWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 2500), 0, 30).Draw(t, "sizes")
		chunk := rapid.IntRange(1, 4000).Draw(t, "chunk")
		var in, want bytes.Buffer
		feed, dumb := NewWriter(&in, NewPool(0)), NewWriter(&want, NewPool(0))
		for i, n := range sizes {
			row := bytes.Repeat([]byte{byte(i)}, n)
			if err := errors.Join(feed.WritePacket(row), dumb.WritePacket(row)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(feed.WritePacket([]byte{0xfe, 0, 0, 0, 0}), feed.Flush(), dumb.Flush()); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		dst := NewWriter(&got, NewPool(1<<10))
		x := Relay{}
		if err := x.Run(dst, newTestReader(&chunked{&in, chunk}, 1<<20, false)); err != nil {
			t.Fatal(err)
		}
		if err := dst.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) || x.Packets != int64(len(sizes)) {
			t.Fatalf("relayed %d bytes, want %d; %d rows of %d", got.Len(), want.Len(), x.Packets, len(sizes))
		}
	})
}

// chunked reads at most n bytes at a time.
type chunked struct {
	src io.Reader
	n   int
}

func (c *chunked) Read(p []byte) (int, error) { return c.src.Read(p[:min(len(p), c.n)]) }

// tenThousandRows is a result set's rows and its end.
func tenThousandRows() []byte {
	var in bytes.Buffer
	w := NewWriter(&in, NewPool(0))
	for range 10_000 {
		if err := w.WritePacket([]byte("\x0512345\x0bhello world")); err != nil {
			panic(err)
		}
	}
	if err := errors.Join(w.WritePacket([]byte{0xfe, 0, 0, 2, 0, 0, 0}), w.Flush()); err != nil {
		panic(err)
	}
	return in.Bytes()
}

func TestRelayAllocatesNothingPerRow(t *testing.T) {
	in := tenThousandRows()
	rd := bytes.NewReader(in)
	src, dst := NewReader(rd, NewPool(0), 1<<20, false), NewWriter(io.Discard, NewPool(0))
	allocs := testing.AllocsPerRun(20, func() {
		rd.Reset(in)
		x := Relay{}
		if err := x.Run(dst, src); err != nil {
			t.Fatal(err)
		}
		if _, err := src.ReadPacket(); err != nil {
			t.Fatal(err)
		}
		if err := dst.Flush(); err != nil || x.Packets != 10_000 {
			t.Fatal(x.Packets, err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations for 10000 rows", allocs)
	}
}

func BenchmarkRelay10kRows(b *testing.B) {
	in := tenThousandRows()
	rd := bytes.NewReader(in)
	src, dst := NewReader(rd, NewPool(0), 1<<20, false), NewWriter(io.Discard, NewPool(0))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		rd.Reset(in)
		x := Relay{}
		if err := x.Run(dst, src); err != nil {
			b.Fatal(err)
		}
		if _, err := src.ReadPacket(); err != nil {
			b.Fatal(err)
		}
		if err := dst.Flush(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadPacket10kRows(b *testing.B) {
	in := tenThousandRows()
	rd := bytes.NewReader(in)
	src := NewReader(rd, NewPool(0), 1<<20, false)
	row := make([][]byte, 2)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		rd.Reset(in)
		for {
			p, err := src.ReadPacket()
			if err != nil {
				b.Fatal(err)
			}
			if IsResultEnd(p) {
				break
			}
			if err := ParseTextRow(p, row); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// A client's file is checked for its sequence, and what the client is told afterwards follows on its last packet.
func TestRelayFileSequence(t *testing.T) {
	in := packet(2, "a,1\n") + packet(3, strings.Repeat("b", 3000)) + packet(4, "") + packet(0, "\x0e")
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "bytes": iotest.OneByteReader(strings.NewReader(in))} {
		var out, answer bytes.Buffer
		client := NewServerStream(struct {
			io.Reader
			io.Writer
		}{r, &answer}, Config{Pool: NewPool(1 << 10)})
		client.seq = 2
		dst := NewWriter(&out, NewPool(1<<10))
		*dst.seq = 2
		x := Relay{End: EndOfFile}
		if err := x.Run(dst, client.Reader); err != nil || x.Packets != 3 {
			t.Fatalf("%s: %d packets, %v", name, x.Packets, err)
		}
		if client.Sequence() != 5 || *dst.seq != 5 {
			t.Errorf("%s: the answers have the ids %d to the client and %d to the server", name, client.Sequence(), *dst.seq)
		}
		if cmd, _, err := client.ReadCommand(); err != nil || cmd != ComPing {
			t.Errorf("%s: the next command: %v, %v", name, cmd, err)
		}
	}
	var out bytes.Buffer
	src := newTestReader(strings.NewReader(packet(2, "a")+packet(4, "b")), 1<<30, true)
	*src.seq = 2
	x := Relay{End: EndOfFile}
	var failed *RelayError
	if err := x.Run(NewWriter(&out, NewPool(0)), src); !errors.As(err, &failed) || !failed.FromSource {
		t.Errorf("a packet is missing: %v", err)
	}
}

// narrowWriter is a destination that takes a number of bytes.
type narrowWriter struct{ left int }

func (w *narrowWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// A file whose destination is lost is read to its end, wherever that was.
func TestRelayDrop(t *testing.T) {
	in := packet(2, strings.Repeat("a", 5000)) + packet(3, strings.Repeat("b", 900)) + packet(4, "c") + packet(5, "") + packet(0, "\x0e")
	for left := range 7000 {
		src := newTestReader(strings.NewReader(in), 1<<30, true)
		*src.seq = 2
		x := Relay{End: EndOfFile}
		dst := NewWriter(&narrowWriter{left}, NewPool(1<<10))
		if err := errors.Join(x.Run(dst, src), dst.Flush()); err == nil {
			break
		}
		if x.Packets < 4 {
			if err := x.Drop(src); err != nil {
				t.Fatalf("after %d bytes: %v", left, err)
			}
		}
		if cmd, _, err := src.ReadCommand(); err != nil || cmd != ComPing {
			t.Fatalf("after %d bytes: %v, %v", left, cmd, err)
		}
	}
}
