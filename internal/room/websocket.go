package room

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"
)

// The WebSocket protocol, as far as a server of text messages needs it.
// Source: RFC 6455.

// Opcodes.
const (
	opContinuation = 0x0
	opText         = 0x1
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// Close codes: those of RFC 6455 and its registry, and the chat's own from 4000 on.
const (
	closeNormal      = 1000
	closeProtocol    = 1002
	closeUnsupported = 1003
	closeBadData     = 1007
	closeTooBig      = 1009
	closeRestart     = 1012
	closeOverloaded  = 1013
	closeNoHello     = 4001
	closeAuth        = 4003
	closeSlow        = 4008
	closeRate        = 4029
)

const (
	// MaxFrame bounds what a client sends in one message, in bytes.
	MaxFrame = 64 << 10
	// minReadBuffer is what an idle connection keeps for reading.
	minReadBuffer = 512
	// keptReadBuffer is how large it may have grown and be kept.
	keptReadBuffer = 4 << 10
	maxControl     = 125
)

// closeError ends a connection with a code.
type closeError struct {
	code   int
	reason string
}

func (e *closeError) Error() string { return fmt.Sprintf("%d %s", e.code, e.reason) }

// acceptKey answers the key of an upgrade request.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

var errUpgrade = errors.New("not a WebSocket request")

// upgradeKey returns the key of a request to upgrade.
func upgradeKey(r *http.Request) (string, error) {
	key := r.Header.Get("Sec-Websocket-Key")
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case r.Method != http.MethodGet, !hasToken(r.Header, "Connection", "upgrade"), !hasToken(r.Header, "Upgrade", "websocket"):
		return "", errUpgrade
	case r.Header.Get("Sec-Websocket-Version") != "13", err != nil, len(raw) != 16:
		return "", errUpgrade
	}
	return key, nil
}

// hasToken reports whether a header lists a word.
func hasToken(h http.Header, name, word string) bool {
	for _, value := range h.Values(name) {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), word) {
				return true
			}
		}
	}
	return false
}

// upgrade takes the connection over from the HTTP server. What the client has
// sent already is returned with it.
func upgrade(w http.ResponseWriter, key string) (net.Conn, []byte, error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Peek(rw.Reader.Buffered()) // does not read: it has no error
	early = bytes.Clone(early)
	if err := nc.SetDeadline(noDeadline); err != nil {
		nc.Close()
		return nil, nil, err
	}
	_, err = nc.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptKey(key) + "\r\n\r\n"))
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	return nc, early, nil
}

// appendHeader appends the header of an unmasked, unfragmented frame.
func appendHeader(b []byte, op byte, size int) []byte {
	b = append(b, 0x80|op)
	switch {
	case size < 126:
		return append(b, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
	}
}

// textFrame makes a frame of JSON.
func textFrame(text []byte) []byte {
	return append(appendHeader(make([]byte, 0, len(text)+10), opText, len(text)), text...)
}

// closeFrame makes a frame that ends a connection.
func closeFrame(code int, reason string) []byte {
	reason = reason[:min(len(reason), maxControl-2)]
	b := appendHeader(nil, opClose, 2+len(reason))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(b, reason...)
}

// frameText returns the payload of a frame that was made here, and what follows it.
func frameText(b []byte) (text, rest []byte) {
	size, head := int(b[1]&0x7f), 2
	switch size {
	case 126:
		size, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		size, head = int(binary.BigEndian.Uint64(b[2:])), 10
	}
	return b[head : head+size], b[head+size:]
}

// frameReader reads the frames of a client.
type frameReader struct {
	nc       net.Conn
	buf      []byte // read and not yet used: buf[from:]
	from     int
	assembly []byte // of a fragmented message, nil outside one
	limit    int    // of a message, in bytes
	control  func(op byte, payload []byte) error
}

// message returns the next text message, which is valid until the next call.
// Control frames that come before it are given to control.
func (r *frameReader) message() ([]byte, error) {
	r.shrink()
	for {
		fin, op, payload, err := r.frame()
		if err != nil {
			return nil, err
		}
		switch {
		case op >= opClose:
			if err := r.control(op, payload); err != nil {
				return nil, err
			}
			continue
		case op == opText && r.assembly == nil && fin:
			return checkText(payload)
		case op == opText && r.assembly == nil:
			r.assembly = append(make([]byte, 0, 2*len(payload)+1), payload...)
		case op == opContinuation && r.assembly != nil:
			if len(r.assembly)+len(payload) > r.limit {
				return nil, &closeError{closeTooBig, "message is too big"}
			}
			r.assembly = append(r.assembly, payload...)
			if fin {
				text := r.assembly
				r.assembly = nil
				return checkText(text)
			}
		case op == opContinuation || op == opText:
			return nil, &closeError{closeProtocol, "fragments out of order"}
		default:
			return nil, &closeError{closeUnsupported, "text messages only"}
		}
	}
}

func checkText(text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return nil, &closeError{closeBadData, "text is not UTF-8"}
	}
	return text, nil
}

// frame reads one frame and takes its mask off.
func (r *frameReader) frame() (fin bool, op byte, payload []byte, err error) {
	head, err := r.peek(2)
	if err != nil {
		return false, 0, nil, err
	}
	fin, op = head[0]&0x80 != 0, head[0]&0x0f
	size, width := int(head[1]&0x7f), 2
	switch {
	case head[0]&0x70 != 0:
		return false, 0, nil, &closeError{closeProtocol, "reserved bits are set"}
	case head[1]&0x80 == 0:
		return false, 0, nil, &closeError{closeProtocol, "frame is not masked"}
	case op >= opClose && (size > maxControl || !fin):
		return false, 0, nil, &closeError{closeProtocol, "control frame is too big or fragmented"}
	case op > opPong, op > 2 && op < opClose:
		return false, 0, nil, &closeError{closeProtocol, "unknown opcode"}
	case size == 126:
		width = 4
	case size == 127:
		width = 10
	}
	if head, err = r.peek(width); err != nil {
		return false, 0, nil, err
	}
	switch width {
	case 4:
		size = int(binary.BigEndian.Uint16(head[2:]))
	case 10:
		long := binary.BigEndian.Uint64(head[2:])
		if long > uint64(r.limit) {
			return false, 0, nil, &closeError{closeTooBig, "message is too big"}
		}
		size = int(long)
	}
	if size > r.limit {
		return false, 0, nil, &closeError{closeTooBig, "message is too big"}
	}
	whole, err := r.peek(width + 4 + size)
	if err != nil {
		return false, 0, nil, err
	}
	payload = whole[width+4:]
	unmask(payload, [4]byte(whole[width:]))
	r.from += len(whole)
	return fin, op, payload, nil
}

func unmask(b []byte, key [4]byte) {
	word := uint64(binary.LittleEndian.Uint32(key[:]))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}

// peek returns the next n bytes without using them.
func (r *frameReader) peek(n int) ([]byte, error) {
	for len(r.buf)-r.from < n {
		if err := r.fill(n); err != nil {
			return nil, err
		}
	}
	return r.buf[r.from : r.from+n], nil
}

// fill reads more, into a buffer that has room for n unused bytes.
func (r *frameReader) fill(n int) error {
	if r.from > 0 {
		r.buf = r.buf[:copy(r.buf, r.buf[r.from:])]
		r.from = 0
	}
	if cap(r.buf) < n || cap(r.buf) == 0 {
		r.buf = append(make([]byte, 0, max(n, minReadBuffer)), r.buf...)
	}
	got, err := r.nc.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+got]
	if got > 0 {
		return nil
	}
	return err
}

// shrink gives a large buffer back when nothing is in it.
func (r *frameReader) shrink() {
	if r.from == len(r.buf) && cap(r.buf) > keptReadBuffer {
		r.buf, r.from = nil, 0
	}
}
