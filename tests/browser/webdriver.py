"""As much of the WebDriver protocol as the tests need: Debian's chromium through its chromedriver."""
import base64
import json
import re
import subprocess
import time
import urllib.error
import urllib.request


class Browser:
    def __init__(self):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.driver.stdout:
            if started := re.search(r"started successfully on port (\d+)", line):
                self.base = "http://127.0.0.1:%s/session" % started[1]
                break
        else:
            raise RuntimeError("chromedriver did not start")
        options = {
            "binary": "/usr/bin/chromium",
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--no-proxy-server", "--disable-background-networking"],
        }
        try:
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = self._post("", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self.driver.kill()
            raise
        self.base += "/" + session["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._send(urllib.request.Request(self.base, method="DELETE"))
        finally:
            self.driver.terminate()
            self.driver.wait(20)

    def _send(self, request):
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def _post(self, path, body):
        data = json.dumps(body).encode()
        return self._send(urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}))

    def open(self, path):
        self.go("file://" + str(path))

    def go(self, url):
        self._post("/url", {"url": url})

    def wait(self, script, seconds=20):
        """What a script gives as soon as that is neither null nor 0."""
        end = time.time() + seconds
        while not (value := self.run(script)) and time.time() < end:
            time.sleep(0.1)
        return value

    def run(self, script, *args):
        return self._post("/execute/sync", {"script": script, "args": list(args)})

    def screenshot(self):
        """PNG of what is seen."""
        return base64.b64decode(self._send(urllib.request.Request(self.base + "/screenshot")))

    def pdf(self):
        return base64.b64decode(self._post("/print", {"background": True}))

    def devtools(self, command, **params):
        return self._post("/goog/cdp/execute", {"cmd": command, "params": params})

    def size(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=2 if mobile else 1, mobile=mobile)

    def media(self, **features):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": k.replace("_", "-"), "value": v} for k, v in features.items()])

    def log(self):
        return [line["message"] for line in self._post("/se/log", {"type": "browser"})]
