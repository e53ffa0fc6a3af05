package wire

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

func algorithms() map[string]Algorithm { return map[string]Algorithm{"zlib": Zlib, "zstd": Zstd} }

// randomText is text that compresses somewhat.
func randomText(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefgh"[rng.IntN(8)]
	}
	return string(b)
}

func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

func TestCompressedConversation(t *testing.T) {
	payloads := []string{"\x0e", strings.Repeat("a", 49), strings.Repeat("a", 50), randomText(70_000), noise(40_000), strings.Repeat("long", 3*MaxFrame/8), "end"}
	for name, algo := range algorithms() {
		t.Run(name, func(t *testing.T) {
			pool := NewPool(0)
			toServer, toClient := &bytes.Buffer{}, &bytes.Buffer{}
			client := NewClientStream(&pair{toClient, toServer}, Config{Pool: pool})
			server := NewServerStream(&pair{iotest.HalfReader(toServer), toClient}, Config{Pool: pool})
			if err := errors.Join(client.Compress(algo, 0), server.Compress(algo, 0)); err != nil {
				t.Fatal(err)
			}
			for i, want := range payloads {
				client.ResetSequence()
				if err := errors.Join(client.WritePacket([]byte(want)), client.Flush()); err != nil {
					t.Fatal(err)
				}
				c, p, err := server.ReadCommand()
				if err != nil || string(append([]byte{byte(c)}, p...)) != want {
					t.Fatalf("command %d: %d bytes, %v", i, len(p), err)
				}
				if err := errors.Join(server.WritePacket([]byte(want)), server.WritePacket([]byte("x")), server.Flush()); err != nil {
					t.Fatal(err)
				}
				for _, want := range []string{want, "x"} {
					if p, err := client.ReadPacket(); err != nil || string(p) != want {
						t.Fatalf("answer %d: %d bytes, %v", i, len(p), err)
					}
				}
			}
		})
	}
}

// pair joins two directions to a connection.
type pair struct {
	io.Reader
	io.Writer
}

func compressedReader(in string, algo Algorithm) *Reader {
	pool := NewPool(0)
	return NewReader(newCompression(strings.NewReader(in), io.Discard, pool, algo, 0, true), pool, 1<<24, false)
}

// The example of the manual's "Compression" page: a short COM_QUERY goes uncompressed.
func TestCompressedFrameGolden(t *testing.T) {
	var out bytes.Buffer
	c := newCompression(nil, &out, NewPool(0), Zlib, 0, true)
	if _, err := c.Write([]byte(packet(0, "\x03select \"012345678901234567890123456789012345\""))); err != nil {
		t.Fatal(err)
	}
	short := newCompression(nil, &out, NewPool(0), Zlib, 0, true)
	first := out.Bytes()
	if getU24(first[4:]) != 50 || first[3] != 0 || getU24(first) != len(first)-compressedHeader {
		t.Errorf("header % x of %d bytes", first[:compressedHeader], len(first))
	}
	z, err := zlib.NewReader(bytes.NewReader(first[compressedHeader:]))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || len(b) != 50 {
		t.Errorf("%d bytes inside, %v", len(b), err)
	}
	out.Reset()
	if _, err := short.Write([]byte(packet(0, "\x03select 1"))); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "\x0d\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x03select 1"; got != want {
		t.Errorf("short: % x", got)
	}
}

func deflated(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func frame(seq byte, plain int, body string) string {
	h := []byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), seq, byte(plain), byte(plain >> 8), byte(plain >> 16)}
	return string(h) + body
}

func TestLyingFrames(t *testing.T) {
	p := packet(0, strings.Repeat("q", 100))
	body := deflated(t, p)
	for name, c := range map[string]struct {
		in   string
		code uint16
	}{
		"more than said":   {frame(0, len(p)-10, body), sqlerr.CodeNetUncompress},
		"less than said":   {frame(0, len(p)+10, body), sqlerr.CodeNetUncompress},
		"bytes behind":     {frame(0, len(p), body+noise(10_000)), sqlerr.CodeNetUncompress},
		"no compression":   {frame(0, 200, strings.Repeat("n", 60)), sqlerr.CodeNetUncompress},
		"frame of nothing": {frame(0, 10, ""), sqlerr.CodeNetUncompress},
		"sequence":         {frame(3, len(p), body), sqlerr.CodeNetPacketsOutOfOrder},
		"cut":              {frame(0, len(p), body)[:20], 0},
		"bomb": {frame(0, 1000, deflated(t, packet(0, strings.Repeat("\x00", 1<<20)))),
			sqlerr.CodeNetUncompress},
	} {
		r := compressedReader(c.in, Zlib)
		var err error
		for err == nil {
			_, err = r.ReadPacket()
		}
		if errCode(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := compressedReader(frame(0, len(p), body), Zlib)
	if got, err := good.ReadPacket(); err != nil || len(got) != 100 {
		t.Errorf("the frame itself: %d bytes, %v", len(got), err)
	}
}

func TestEmptyFramesAreSkipped(t *testing.T) {
	r := compressedReader(frame(0, 0, "")+frame(1, 0, packet(0, "hi")), Zlib)
	if p, err := r.ReadPacket(); err != nil || string(p) != "hi" {
		t.Errorf("%q, %v", p, err)
	}
}
