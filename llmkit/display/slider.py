"""temperature와 `top_p`를 움직여 보는 슬라이더: 네트워크도 ipywidgets도 쓰지 않는 HTML 하나입니다."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import sha256
from html import escape

from .pictures import as_image, drawing

_COLOR = "#0072B2"
# 그림(<img>)을 같은 SVG로 바꾸어 막대를 움직입니다. 조절하는 칸도 여기서 만듭니다: 스크립트가 막힌 곳에는 그림만 남아야 합니다.
_SCRIPT = """(function(){var r=document.getElementById("ID"),g=r&&r.querySelector("img");if(!g)return;var L=DATA;
g.outerHTML=decodeURIComponent(g.src.slice(g.src.indexOf(",")+1));var f=document.createElement("form");
f.innerHTML=[["temperature",0,2,.1],["top_p",.05,1,.05]].map(function(a){return '<label style="display:inline-block;margin-right:24px">'
+a[0]+' <output></output> <input type="range" min="'+a[1]+'" max="'+a[2]+'" step="'+a[3]+'" value="1"></label>'}).join("");r.prepend(f);
var i=f.querySelectorAll("input"),o=f.querySelectorAll("output"),b=r.querySelectorAll("rect.b"),n=r.querySelectorAll("text.n");
function d(){var t=+i[0].value,p=+i[1].value,m=Math.max.apply(0,L),w=L.map(function(x){return t?Math.exp((x-m)/t):+(x==m)}),
s=w.reduce(function(a,x){return a+x},0),k=[],c=0;w=w.map(function(x){return x/s});
w.map(function(x,j){return j}).sort(function(a,c){return w[c]-w[a]}).forEach(function(j){k[j]=c<p||!c;c+=w[j]});
s=w.reduce(function(a,x,j){return a+(k[j]?x:0)},0);
w.forEach(function(x,j){var v=k[j]?x/s:0;b[j].setAttribute("width",(v*380).toFixed(1));n[j].textContent=(v*100).toFixed(1)+"%"});
o[0].value=t.toFixed(1);o[1].value=p.toFixed(2)}i[0].oninput=i[1].oninput=d;d()})()"""


class Slider:
    """단어의 확률에 temperature와 `top_p`를 적용해 봅니다. 스크립트가 막힌 곳에는 처음의 그림만 보입니다.

    Args:
        probabilities: 단어와 그 확률(temperature 1일 때). 합이 1이 아니면 1로 맞춥니다.

    Raises:
        ValueError: 확률이 없거나, 0 이하인 것이 있을 때.

    >>> Slider({"봄": 0.6, "비": 0.4})
    temperature와 top_p를 움직이는 그림. 토큰 2개 가운데 가장 높은 것은 '봄' 60.0%입니다.
    """

    def __init__(self, probabilities: Mapping[str, float]) -> None:
        if not probabilities or min(probabilities.values()) <= 0:
            raise ValueError("확률은 하나 이상 있어야 하고, 모두 0보다 커야 합니다.")
        total = math.fsum(probabilities.values())
        self._shares = {word: value / total for word, value in probabilities.items()}

    def __repr__(self) -> str:
        word, share = max(self._shares.items(), key=lambda pair: pair[1])
        count = len(self._shares)
        return f"temperature와 top_p를 움직이는 그림. 토큰 {count}개 가운데 가장 높은 것은 {word!r} {share:.1%}입니다."

    def _repr_html_(self) -> str:
        logs = json.dumps([round(math.log(share), 6) for share in self._shares.values()])
        name = "llmkit-" + sha256((logs + "".join(self._shares)).encode()).hexdigest()[:10]
        bars = [_bar(row, *pair) for row, pair in enumerate(self._shares.items())]
        svg = drawing(len(self._shares) * 24 + 4, repr(self), bars)
        script = _SCRIPT.replace("ID", name).replace("DATA", logs)
        return f'<div id="{name}" style="max-width:640px">{as_image(svg, repr(self))}</div><script>{script}</script>'


def _bar(row: int, word: str, share: float) -> str:
    y = row * 24 + 4
    return (
        f'<text x="150" y="{y + 14}" text-anchor="end">{escape(word)}</text>'
        f'<rect class="b" x="160" y="{y}" width="{share * 380:.1f}" height="18" fill="{_COLOR}"/>'
        f'<text class="n" x="632" y="{y + 14}" text-anchor="end">{share:.1%}</text>'
    )
