package bolt_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// versions are messages of all forms that a frame can have.
func versions() map[string]bolttest.Message {
	all := map[string]bolttest.Message{}
	for name, m := range map[string]bolttest.Message{
		"request":   {Type: bolt.Request, ID: 0xfedcba98, Timeout: 3000, Class: "com.shop.Ask", Header: bolttest.Map("service", "stock", "k", ""), Content: []byte("what?")},
		"oneway":    {Type: bolt.Oneway, ID: 2, Timeout: -1, Content: []byte("that")},
		"answer":    {ID: 3, Status: bolt.Busy, Class: "com.shop.Answer", Content: bytes.Repeat([]byte("x"), 100)},
		"heartbeat": {Type: bolt.Request, ID: 4, Heartbeat: true},
	} {
		all[name+" 1"] = m
		m.Two = true
		all[name+" 2"] = m
		m.Checked = true
		all[name+" 2, checked"] = m
	}
	return all
}

func TestFrames(t *testing.T) {
	for name, m := range versions() {
		b := m.Append(nil)
		for n := range b {
			if f, size, err := bolt.Split(b[:n], 1000); f != nil || err != nil || size <= n || size > len(b) {
				t.Fatalf("%s: %d bytes of %d: %d, %v", name, n, len(b), size, err)
			}
		}
		f, size, err := bolt.Split(append(b[:len(b):len(b)], "more"...), 1000)
		if err != nil || size != len(b) || !bytes.Equal(f, b) {
			t.Fatalf("%s: %d bytes of %d, %v", name, size, len(b), err)
		}
		if f.Type() != m.Type || f.ID() != m.ID || f.Heartbeat() != m.Heartbeat || f.Checked() != m.Checked || string(f.Class()) != m.Class ||
			!bytes.Equal(f.Header(), m.Header) || !bytes.Equal(f.Content(), m.Content) || !f.Intact() {
			t.Errorf("%s: read as % x", name, f)
		}
		if m.Type == bolt.Answer && f.Status() != m.Status || m.Type != bolt.Answer && f.Timeout() != m.Timeout {
			t.Errorf("%s: its status or timeout", name)
		}
		want := m
		want.ID = 77
		if f.SetID(77); m.Type != bolt.Answer {
			want.Timeout = 5
			f.SetTimeout(5)
		}
		if f.Checked() && f.Intact() {
			t.Errorf("%s: changed, and its checksum is right still", name)
		}
		if f.Seal(); !bytes.Equal(f, want.Append(nil)) {
			t.Errorf("%s: changed to % x", name, f)
		}
		want.Header = bolttest.Map("another", "one")
		if out, err := f.AppendHeader([]byte("x"), want.Header); err != nil || !bytes.Equal(out[1:], want.Append(nil)) {
			t.Errorf("%s: with another header: % x, %v", name, out, err)
		}
		if _, err := f.AppendHeader(nil, make([]byte, 1<<15)); err == nil {
			t.Errorf("%s: a header that no length can tell", name)
		}
		answer := bolttest.Message{Two: m.Two, Checked: m.Checked, Heartbeat: m.Heartbeat, ID: 77, Status: bolt.NoProcessor}
		var head bolt.Head
		head.Keep(f)
		if out := head.AppendAnswer([]byte("x"), bolt.NoProcessor); !bytes.Equal(out[1:], answer.Append(nil)) {
			t.Errorf("%s: answered % x", name, out)
		}
	}
}

func TestNoFrames(t *testing.T) {
	good := bolttest.Message{Type: bolt.Request, Content: make([]byte, 100)}.Append(nil)
	for what, change := range map[string]func([]byte){
		"none of Bolt": func(b []byte) { b[0] = 'G' },
		"of type":      func(b []byte) { b[1] = 3 },
		"version 2.9":  func(b []byte) { b[0], b[1] = 2, 9 },
		"of command":   func(b []byte) { b[3] = 3 },
		"longer":       func(b []byte) { b[18] = 0xff },
		"than may be":  func(b []byte) { b[16] = 0x10 },
		"class of":     func(b []byte) { b[14] = 0x80 },
		"header of":    func(b []byte) { b[16] = 0x80 },
	} {
		b := bytes.Clone(good)
		change(b)
		if f, _, err := bolt.Split(b, 1000); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %x, %v", what, f, err)
		}
	}
	if _, _, err := bolt.Split(good, len(good)-1); err == nil {
		t.Error("a frame may be longer than it may be")
	}
	if _, _, err := bolt.Split(good, len(good)); err != nil {
		t.Error(err)
	}
}

func TestPairs(t *testing.T) {
	header := bolttest.Map("a", "1", "", "", "Long-Name", "2")
	header = bolt.AppendAgain(header, &mux.Pair{Key: []byte("null")})
	pairs, ok := bolt.AppendPairs(nil, header)
	if !ok || len(pairs) != 4 || !pairs[2].Is("long-name") || string(pairs[2].Value) != "2" || pairs[3].Value != nil || pairs[1].Value == nil {
		t.Fatalf("%q, %t", pairs, ok)
	}
	var again []byte
	for i := range pairs {
		again = bolt.AppendAgain(again, &pairs[i])
	}
	if !bytes.Equal(again, header) {
		t.Errorf("% x, written again % x", header, again)
	}
	for _, n := range []int{1, 4, 5, 9, len(header) - 1} {
		if pairs, ok := bolt.AppendPairs(nil, header[:n]); ok || len(pairs) > 0 {
			t.Errorf("%d bytes are a map: %q", n, pairs)
		}
	}
}

// A reader that goes as far as it can finds pairs in what is cut or goes on behind its end, and none in what begins otherwise.
func TestCutMaps(t *testing.T) {
	header := bolttest.Map("service", "bank")
	for n := range header {
		if cut := bolt.CutMap(header[:n]); cut != (n >= 4+len("service")) {
			t.Errorf("%d bytes: %t", n, cut)
		}
	}
	for text, want := range map[string]bool{string(header) + "\x00": true, "\x80\x00\x00\x00": true, "\xff\xff\xff\xff1": true, "{}": false, `{"a":"b"}`: false, "\x00\x00\x00\x00": true, "\x00\x00\x01\x00text": false} {
		if cut := bolt.CutMap([]byte(text)); cut != want {
			t.Errorf("%q: %t", text, cut)
		}
	}
}

// Frames arrive whole however the bytes come, long ones too, and the buffer follows what has come.
func TestReader(t *testing.T) {
	var all []byte
	var want []bolttest.Message
	for i := range 50 {
		m := bolttest.Message{Type: bolt.Request, ID: uint32(i), Content: bytes.Repeat([]byte{byte(i)}, i*i*40)}
		want, all = append(want, m), m.Append(all)
	}
	for name, from := range map[string]io.Reader{"at once": bytes.NewReader(all[7:]), "by bytes": iotest.OneByteReader(bytes.NewReader(all[7:])), "by halves": iotest.HalfReader(bytes.NewReader(all[7:]))} {
		r := bolt.NewReader(from, 1<<20, all[:7])
		n := 0
		for {
			f, err := r.Next()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if f != nil {
				if !bytes.Equal(f, want[n].Append(nil)) {
					t.Fatalf("%s: the frame %d is another", name, n)
				}
				n++
			} else if err := r.More(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n != len(want) || r.Midway() {
			t.Errorf("%s: %d frames of %d", name, n, len(want))
		}
		r.Release()
	}
}

// FuzzSplit: what is taken for a frame is as long as it says, has all its parts, and can be changed.
func FuzzSplit(f *testing.F) {
	for _, m := range versions() {
		f.Add(m.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		frame, size, err := bolt.Split(b, limit)
		if err != nil {
			if frame != nil {
				t.Fatal("a frame and an error")
			}
			return
		}
		if frame == nil {
			if size <= len(b) || size > limit {
				t.Fatalf("%d bytes are too few for one of %d", len(b), size)
			}
			return
		}
		if len(frame) != size || size > limit || len(frame.Class())+len(frame.Header())+len(frame.Content()) >= size {
			t.Fatalf("%d bytes of %d", len(frame), size)
		}
		frame.Intact()
		content := bytes.Clone(frame.Content())
		frame.SetID(7)
		if frame.Type() != bolt.Answer {
			frame.SetTimeout(9)
		}
		if frame.Seal(); !frame.Intact() || frame.ID() != 7 || !bytes.Equal(frame.Content(), content) {
			t.Fatal("changed, it is another")
		}
		pairs, _ := bolt.AppendPairs(nil, frame.Header())
		var header []byte
		for i := range pairs {
			header = bolt.AppendAgain(header, &pairs[i])
		}
		out, err := frame.AppendHeader(nil, header)
		if err != nil {
			return
		}
		if again, _, err := bolt.Split(out, 2*limit); err != nil || !again.Intact() || !bytes.Equal(again.Header(), header) || !bytes.Equal(again.Content(), content) {
			t.Fatalf("with its header written again: %v", err)
		}
		if answer, _, err := bolt.Split(frame.AppendAnswer(nil, bolt.Timeout), limit); err != nil || answer.ID() != 7 || answer.Status() != bolt.Timeout || !answer.Intact() {
			t.Fatalf("its answer: %v", err)
		}
	})
}
