package linesim

import (
	"math"

	"github.com/tidwall/gjson"
)

// The limits of templates and imagemaps (Messaging API reference, "Template messages", "Imagemap message").
// Titles and texts of templates count in graphemes.
const (
	maxTitle           = 40
	maxButtonsText     = 160
	maxButtonsBeside   = 60 // with a picture or a title
	maxConfirmText     = 240
	maxColumnText      = 120
	maxColumnBeside    = 60
	maxColumns         = 10
	maxButtons         = 4
	maxColumnButtons   = 3
	maxImagemapActions = 50
	maxLinkLabel       = 30
)

// templateRule is the rule of a template.
func templateRule() rule {
	action := buttonAction(labelled(maxLabel))
	plain := buttonAction(may("label", graphemes(maxLabel)))
	picture := []field{
		may("thumbnailImageUrl", mediaURL), may("title", graphemes(maxTitle)), may("defaultAction", plain),
	}
	column := all(
		object(append(picture, must("text", nil), must("actions", list(1, maxColumnButtons, action)))...),
		textBeside(maxColumnText, maxColumnBeside),
	)
	return byType(map[string]rule{
		"buttons": all(
			object(append(picture, must("text", nil), must("actions", list(1, maxButtons, action)))...),
			textBeside(maxButtonsText, maxButtonsBeside),
		),
		"confirm":  object(must("text", graphemes(maxConfirmText)), must("actions", list(2, 2, action))),
		"carousel": object(must("columns", list(1, maxColumns, column))),
		"image_carousel": object(must("columns", list(1, maxColumns, object(
			must("imageUrl", mediaURL), must("action", buttonAction(may("label", graphemes(maxImageLabel)))),
		)))),
	})
}

// textBeside limits the text of an object more where a picture or a title stands beside it.
func textBeside(alone, beside int) rule {
	return func(r *report, v gjson.Result) {
		most := alone
		if !isEmpty(v.Get("thumbnailImageUrl")) || !isEmpty(v.Get("title")) {
			most = beside
		}
		if text := v.Get("text"); !isEmpty(text) {
			r.under(step{name: "text"}, graphemes(most), text)
		}
	}
}

// imagemapFields are the properties of an imagemap.
func imagemapFields() []field {
	pixel := integer(0, math.MaxInt32)
	area := object(must("x", pixel), must("y", pixel), must("width", pixel), must("height", pixel))
	return []field{
		must("baseUrl", mediaURL), must("altText", units(maxAltText)),
		must("baseSize", object(must("width", pixel), must("height", pixel))),
		must("actions", list(0, maxImagemapActions, byType(map[string]rule{
			"message":   object(must("area", area), must("text", units(maxActionText))),
			"uri":       object(must("area", area), must("linkUri", actionURI())),
			"clipboard": object(must("area", area), must("clipboardText", units(maxClipboard))),
		}))),
		may("video", object(
			must("originalContentUrl", mediaURL), must("previewImageUrl", mediaURL), must("area", area),
			may("externalLink", object(must("linkUri", actionURI()), must("label", graphemes(maxLinkLabel)))),
		)),
	}
}
