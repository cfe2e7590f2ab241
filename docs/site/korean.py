"""한국어로 찾기. Sphinx에는 한국어가 없어 띄어 쓴 그대로만 찾습니다. "폴백을"로는 "폴백이"를, "토큰"으로는 "토큰을"을 찾지 못합니다.

- 조사를 떼고 색인하고, 찾는 말에서도 같은 정규식으로 뗍니다(Python과 JavaScript가 같이 씁니다).
- 한글 단어는 두 글자씩도 색인합니다("출력토큰"에서 "토큰"). 세 글자부터는 Sphinx가 단어의 일부로도 찾습니다.
"""

from __future__ import annotations

import re

from sphinx.search import SearchLanguage

_PARTICLE = "(?<=[0-9a-z_가-힣]{2})(에서는|에서도|으로는|으로도|에서|에게|으로|까지|부터|처럼|보다|이나|은|는|이|가|을|를|에|의|와|과|도|로|만)$"
_HANGUL = re.compile("[가-힣]{3,}")


class SearchKorean(SearchLanguage):
    lang = "ko"
    language_name = "Korean"
    js_stemmer_code = f"""
var Stemmer = function () {{
  this.stemWord = (word) => word.replace(/{_PARTICLE}/, "");
}};
"""

    def split(self, input: str) -> list[str]:
        """
        >>> SearchKorean({}).split("출력토큰 3개")
        ['출력토큰', '3개', '출력', '력토', '토큰']
        """
        words = super().split(input)
        return words + [run[at : at + 2] for run in _HANGUL.findall(input) for at in range(len(run) - 1)]

    def stem(self, word: str) -> str:
        """
        >>> [SearchKorean({}).stem(word) for word in ("온도를", "온도", "API는", "스트림에서는")]
        ['온도', '온도', 'api', '스트림']
        """
        return re.sub(_PARTICLE, "", word.lower())
