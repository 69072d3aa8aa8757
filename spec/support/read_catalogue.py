"""Reads a catalogue for Spotlight as a crawler does: read_catalogue.py FOLDER BASE_URL

Independent of the project's own code, on purpose. Begins with FOLDER/sitemap.xml, goes on to the sitemaps that an index
names and to the pages that those name, all of which are below BASE_URL, and prints one JSON object: by each page's
address, the JSON-LD documents of its scripts. Fails if anything is missing, or is not what it should be.
"""
import html.parser
import json
import os
import sys
import xml.etree.ElementTree

FOLDER, BASE = sys.argv[1:]
NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
LIMITS = (50000, 50 * 1024 * 1024)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts, self.other_tags, self.inside = [], set(), False

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "script"
        if self.inside:
            assert dict(attributes) == {"type": "application/ld+json"}, attributes
            self.scripts.append("")
        else:
            self.other_tags.add(tag)

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def read(url):
    assert url.startswith(BASE + "/") and ".." not in url, url
    path = os.path.join(FOLDER, url[len(BASE) + 1:])
    assert os.stat(path).st_mode & 0o444 == 0o444, path + " cannot be read by a web server"
    with open(path, "rb") as file:
        return file.read()


def locations(url):
    text = read(url)
    root = xml.etree.ElementTree.fromstring(text)
    found = [entry.find(NAMESPACE + "loc").text for entry in root]
    assert len(found) <= LIMITS[0] and len(text) <= LIMITS[1]
    if root.tag == NAMESPACE + "sitemapindex":
        return [page for sitemap in found for page in locations(sitemap)]
    assert root.tag == NAMESPACE + "urlset", root.tag
    return found


def documents(url):
    page = Page()
    page.feed(read(url).decode("utf-8"))
    page.close()
    assert page.other_tags <= {"html", "head", "meta", "title", "link", "body", "h1", "p", "img"}, page.other_tags
    return [json.loads(script) for script in page.scripts]


pages = locations(BASE + "/sitemap.xml")
assert len(pages) == len(set(pages)), "a page is named twice"
print(json.dumps({url: documents(url) for url in pages}))
