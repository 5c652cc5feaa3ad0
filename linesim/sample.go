package linesim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"strings"
)

// samples are the media that users send when the caller gives none; they are never changed.
type samples struct {
	picture []byte // PNG, also the preview of videos
	video   []byte // MP4 with a header only
	sound   []byte // WAV
}

func newSamples() (samples, error) {
	picture, err := samplePicture()
	if err != nil {
		return samples{}, fmt.Errorf("making the sample picture: %w", err)
	}
	return samples{picture: picture, video: sampleVideo(), sound: sampleSound()}, nil
}

// samplePicture paints a small evening sky.
func samplePicture() ([]byte, error) {
	const width, height = 240, 160
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, color.RGBA{R: uint8(90 + y), G: uint8(120 + y/3), B: uint8(220 - y/2), A: 255})
			if dx, dy := x-170, y-60; dx*dx+dy*dy < 24*24 {
				img.Set(x, y, color.RGBA{R: 255, G: 224, B: 130, A: 255})
			}
		}
	}
	var buf bytes.Buffer
	err := png.Encode(&buf, img)
	return buf.Bytes(), err
}

// sampleSound is half a second of 440 Hz: 8 bits, 8,000 a second.
func sampleSound() []byte {
	const rate, n = 8000, 4000
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, 36+n)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, 1, rate, 0, rate, 0, 1, 8} { // PCM, mono; the rates are 32 bits wide
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, n)
	for i := range n {
		b = append(b, byte(128+60*math.Sin(2*math.Pi*440*float64(i)/rate)))
	}
	return b
}

// sampleVideo is an MP4 file of one second without tracks: enough for those who look at its header.
func sampleVideo() []byte {
	header := make([]byte, 100)
	binary.BigEndian.PutUint32(header[12:], 1000) // units a second
	binary.BigEndian.PutUint32(header[16:], 1000) // length
	binary.BigEndian.PutUint32(header[20:], 1<<16)
	binary.BigEndian.PutUint16(header[24:], 1<<8)
	for _, at := range []int{36, 52} { // the unit matrix
		binary.BigEndian.PutUint32(header[at:], 1<<16)
	}
	binary.BigEndian.PutUint32(header[68:], 1<<30)
	binary.BigEndian.PutUint32(header[96:], 1) // the next track
	file := mp4Box("ftyp", []byte("isom\x00\x00\x02\x00isommp41"))
	return append(file, mp4Box("moov", mp4Box("mvhd", header))...)
}

// mp4Box puts a length and a name before its data.
func mp4Box(name string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(data)))
	return append(append(b, name...), data...)
}

// mediaTypeOf returns the type under which a user's content is served: what its bytes look like, as far
// as that fits the kind of message, so that nothing is ever served as a page.
func mediaTypeOf(kind string, data []byte) string {
	found := http.DetectContentType(data)
	switch {
	case kind == "image" && strings.HasPrefix(found, "image/"),
		kind == "video" && strings.HasPrefix(found, "video/"),
		kind == "audio" && strings.HasPrefix(found, "audio/"):
		return found
	case kind == "image":
		return "image/jpeg"
	case kind == "video":
		return "video/mp4"
	case kind == "audio":
		return "audio/x-m4a"
	}
	return "application/octet-stream"
}
