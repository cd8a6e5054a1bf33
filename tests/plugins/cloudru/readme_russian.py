"""The Russian words of the generated tables, by the English ones: a text that changes asks for a new translation."""

from __future__ import annotations

CERTAINTY = {"seen": "проверено", "described": "описано", "guess": "предположение"}

DESCRIPTIONS = {
    "Id of the access key.": "идентификатор ключа доступа",
    "The access key's secret.": "секрет ключа доступа",
    "UUID of the project whose registries are served.": "UUID проекта, чьи реестры обслуживаются",
    "Base address of the service that makes tokens; oauth has its own default.": (
        "адрес сервиса, который выдаёт токены; у `oauth` свой адрес по умолчанию"
    ),
    "Base address of the Artifact Registry.": "адрес Artifact Registry",
    "Which of the two ways to get a token is used: IAM's own, or the OAuth form.": (
        "каким из двух способов получать токен: собственным способом IAM или формой OAuth"
    ),
    "Whether the addresses may be plain http beyond loopback.": "допускать ли http без шифрования за пределами машины",
    "true: the tools that change something are not there.": "true: инструментов, которые что-то меняют, нет",
    "Whether the OCI plugin gets the key for the registries of this account.": (
        "передавать ли ключ плагину OCI для реестров этой учётной записи"
    ),
    "What follows the name of a registry in its host name.": "что следует за именем реестра в имени хоста",
    'Corrected routes, such as {"update_registry": "PUT /v1/registries/{registry_id}"}.': (
        'исправленные маршруты, например {"update_registry": "PUT /v1/registries/{registry_id}"}'
    ),
    "bytes of one answer": "байты одного ответа",
    "bytes of the answer that holds a token": "байты ответа с токеном",
    "bytes that are read of the answer that is an error": "сколько байтов читается из ответа об ошибке",
    "registries asked for at once": "сколько реестров запрашивается за раз",
    "pages that are read for a list of all registries": "сколько страниц читается для списка всех реестров",
    "requests at once": "сколько запросов идёт одновременно",
    "seconds until a connection stands": "секунды на установку соединения",
    "seconds without a byte of an answer": "секунды без единого байта ответа",
    "seconds for a request with its retries": "секунды на запрос с его повторами",
    "seconds for all requests of one call": "секунды на все запросы одного вызова",
    "how often a request is repeated": "сколько раз запрос повторяется",
    "seconds before the first repetition, then twice as long": "секунды до первого повтора, затем вдвое дольше",
    "seconds between two looks for the effect of a write whose answer was lost": (
        "секунды между двумя поисками следа записи, ответ на которую потерян"
    ),
}
